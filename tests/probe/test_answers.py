"""What is measured of networks that answer with numbers or sets, on functions whose figures are known."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from simplicity_sweep.functional import (
    change_rate,
    degenerate_outputs,
    jacobian_norm_logits,
    lz76_path,
    noise_l2,
    noise_relative,
)
from simplicity_sweep.probe import Bins, Measurement, Observation, Plan, Points, Probe, Together
from simplicity_sweep.probe.controls import control

PROBE = Probe(inputs=None, paths=50, points=64, draws=4, sigma=0.1)
HALVES = Bins(((0.0,),))


def linear(*weights: list[float]) -> nn.Linear:
    network = nn.Linear(len(weights[0]), len(weights), bias=False)
    network.weight = nn.Parameter(torch.tensor(weights))
    return network


def points(n: int = 2000, width: int = 2, answer: Bins = HALVES) -> Points:
    inputs = torch.randn(n, width, generator=torch.Generator().manual_seed(0))
    return Points(inputs, torch.zeros(n, 1), PROBE, seed=1, answer=answer)


def test_the_jacobian_of_a_linear_function_is_its_matrix():
    seen = Observation(linear([3.0, 4.0]), points())
    assert jacobian_norm_logits(seen.jacobian_gram).value == pytest.approx(5, rel=1e-6)


def test_noise_moves_a_linear_function_of_one_input_by_its_slope():
    # f(x) = 3 x: E|3 σ n| = 3 · 0.1 · √(2/π), and relative to E|3 x| with x ~ N(0, 1) it is σ = 0.1.
    seen = Observation(linear([3.0]), points(20000, 1))
    assert noise_l2(seen.outputs, seen.noisy_outputs).value == pytest.approx(0.3 * (2 / torch.pi) ** 0.5, rel=0.02)
    assert noise_relative(seen.outputs, seen.noisy_outputs).value == pytest.approx(0.1, rel=0.02)


def test_noise_carries_a_linear_function_over_an_edge_as_often_as_the_angle_says():
    # sign(x) ≠ sign(x + σ n) has the probability arctan(σ) / π: of two normal numbers with that angle between them.
    seen = Observation(linear([3.0]), points(20000, 1))
    expected = float(torch.tensor(0.1).atan()) / torch.pi
    assert change_rate(seen.bins, seen.noisy_bins).value == pytest.approx(expected, rel=0.05)


def test_a_constant_function_has_the_least_complexity_and_is_dead():
    seen = Observation(linear([0.0, 0.0]), points())
    assert lz76_path(seen.path_labels).value == 2
    assert change_rate(seen.bins, seen.noisy_bins).value == 0
    assert degenerate_outputs(seen.outputs).value == 1


def test_a_linear_function_crosses_an_edge_once_at_most():
    # By hand: 0…0 parses in 2 components; 0…01…1 as 0 · 0…01 · 1…, in 3; 01…1 as 0 · 1 · 1…, in 3.
    found = lz76_path(Observation(linear([1.0, -2.0]), points()).path_labels)
    assert found.per_input is not None
    assert set(found.per_input.tolist()) <= {2.0, 3.0}
    assert 2 < found.value < 3


def test_more_bins_tell_more_of_a_function_apart():
    many = Bins((tuple(torch.linspace(-2, 2, 7).tolist()),))
    coarse, fine = (Observation(linear([1.0, 1.0]), points(answer=of)) for of in (HALVES, many))
    assert lz76_path(fine.path_labels).value > lz76_path(coarse.path_labels).value
    assert change_rate(fine.bins, fine.noisy_bins).value > change_rate(coarse.bins, coarse.noisy_bins).value


def test_a_set_of_labels_is_those_whose_logits_are_positive():
    seen = Observation(
        linear([1.0], [-1.0], [2.0]), Points(torch.tensor([[1.0], [-1.0]]), None, PROBE, 0, Bins.of_labels(3))
    )
    assert seen.label_sets.tolist() == [0b101, 0b010]


def test_shuffled_outputs_have_the_noise_of_another_input_beside_them():
    # f(x) = x with x ~ N(0, 1): the distance of two unrelated ones is 2/√π, and half of them have the same sign.
    shuffled = control("shuffled", Observation(linear([1.0]), points(20000, 1)), {})
    assert noise_l2(shuffled.outputs, shuffled.noisy_outputs).value == pytest.approx(2 / torch.pi**0.5, rel=0.03)
    assert change_rate(shuffled.bins, shuffled.noisy_bins).value == pytest.approx(0.5, abs=0.02)


def test_null_controls_of_complexity_and_sensitivity_are_named_alike():
    plan = Plan(
        measurements={
            "lz76_path": Measurement(lz76_path, ["path_labels"], ["shuffled", "initial"]),
            "bin_change_rate": Measurement(change_rate, ["bins", "noisy_bins"], ["shuffled", "initial"]),
            "jacobian_norm_outputs": Measurement(jacobian_norm_logits, ["jacobian_gram"], ["initial"]),
        },
        probes={"val": PROBE, "test": PROBE},
        seed=0,
        answer=HALVES,
    )
    network, part = linear([3.0, 4.0]), points(100)

    class Data:
        train = val = test = part

    found = plan.in_the_end(network, Data(), {"weight": torch.tensor([[0.0, 0.0]])}).values
    assert found["null/lz76_path/initial"] == 2  # a constant function
    assert found["null/bin_change_rate/initial"] == 0
    assert found["null/jacobian_norm_outputs/initial"] == 0
    assert found["null/lz76_path/shuffled"] > found["test/lz76_path"]
    assert found["null/bin_change_rate/shuffled"] > found["test/bin_change_rate"]


def test_networks_observed_together_say_what_each_says_alone():
    networks, at = [linear([1.0, 2.0]), linear([-3.0, 0.5])], points(60)
    for seen, network in zip(Together(networks, [at, at]).observations(), networks, strict=True):
        alone = Observation(network, at)
        assert torch.equal(seen.path_labels, alone.path_labels)
        assert torch.equal(seen.bins, alone.bins)
        assert torch.equal(seen.noisy_bins, alone.noisy_bins)
