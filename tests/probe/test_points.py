"""Where networks are observed."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from simplicity_sweep.functional import noise_l2
from simplicity_sweep.probe import Observation, Points, Probe, Undefined
from simplicity_sweep.probe.points import shared_points

PROBE = Probe(inputs=50, paths=20, points=16, draws=2, sigma=0.1)
ALL = replace(PROBE, inputs=None)


def points(seed: int = 0) -> Points:
    inputs = torch.randn(60, 4, generator=torch.Generator().manual_seed(1))
    return shared_points(inputs, torch.zeros(60, dtype=torch.int64), PROBE, seed)


def observation(seed: int = 0, network: nn.Module | None = None) -> Observation:
    return Observation(network or nn.Identity(), points(seed))


def test_one_seed_observes_every_network_at_the_same_points():
    plain, twice = observation(), observation(network=nn.Linear(4, 4, bias=False))
    twice.network.weight.data = 2 * torch.eye(4)
    assert torch.equal(2 * plain.noisy_logits, twice.noisy_logits)
    assert torch.equal(plain.path_labels, twice.path_labels)
    assert not torch.equal(observation(seed=1).noisy_logits, plain.noisy_logits)


def test_points_that_are_shared_are_those_that_are_not():
    inputs, labels = torch.randn(60, 4), torch.arange(60)
    shared, own = shared_points(inputs, labels, PROBE, 2), Points(inputs[:50], labels[:50], ALL, 2)
    assert shared is shared_points(inputs, labels, PROBE, 2)
    assert torch.equal(torch.stack(shared.noisy), torch.stack(own.noisy))
    assert torch.equal(torch.stack(shared.path_ends), torch.stack(own.path_ends))
    assert shared is not shared_points(inputs.clone(), labels, PROBE, 2)


def test_the_probe_inputs_are_the_first_of_the_split():
    seen = observation()
    assert torch.equal(seen.logits, seen.points.inputs)
    assert len(seen.points.inputs) == PROBE.inputs
    assert seen.noisy_logits.shape == (PROBE.draws, 50, 4)
    assert seen.path_labels.shape == (PROBE.paths, PROBE.points)


def test_the_noise_has_the_chosen_size():
    seen = observation()
    spread = (seen.noisy_logits - seen.logits).std()
    assert float(spread) == pytest.approx(PROBE.sigma, rel=0.2)


def test_the_jacobian_of_a_linear_map_is_its_matrix():
    network = nn.Linear(4, 3)
    gram = observation(network=network).jacobian_gram
    expected = (network.weight @ network.weight.T).detach().expand(50, 3, 3)
    torch.testing.assert_close(gram, expected)


def test_midpoints_lie_between_inputs_of_which_none_is_used_twice():
    among = Points(torch.eye(7), None, PROBE, seed=0)
    middles = among.midpoints.inputs
    assert middles.shape == (3, 7)
    assert ((middles == 0.5).sum(1) == 2).all()
    assert (middles.sum(0) <= 0.5).all()


def test_pure_noise_has_the_shape_of_the_inputs_and_unit_variance():
    noise = Points(torch.full((500, 4), 7.0), None, ALL, seed=0).pure_noise.inputs
    assert noise.shape == (500, 4)
    assert float(noise.mean()) == pytest.approx(0, abs=0.1)
    assert float(noise.std()) == pytest.approx(1, abs=0.1)


def test_the_noise_added_to_pure_noise_is_not_that_noise_itself():
    elsewhere = Points(torch.zeros(500, 4), None, ALL, seed=0).pure_noise
    for noisy in elsewhere.noisy:
        both = torch.stack([elsewhere.inputs.flatten(), (noisy - elsewhere.inputs).flatten()])
        # Of 2000 pairs of independent numbers the correlation has a standard deviation of 0.022.
        assert abs(float(both.corrcoef()[0, 1])) < 0.1


def test_pure_noise_has_the_dtype_of_the_inputs():
    assert Points(torch.zeros(5, 4, dtype=torch.float64), None, PROBE, seed=0).pure_noise.inputs.dtype == torch.float64


def test_nobody_knows_the_classes_of_midpoints_and_noise():
    for elsewhere in (points().midpoints, points().pure_noise):
        with pytest.raises(Undefined, match="no true labels"):
            _ = Observation(nn.Identity(), elsewhere).labels


def test_noise_at_other_points_is_noise_of_the_same_size():
    elsewhere = Observation(nn.Identity(), points().pure_noise)
    # The norm of four independent normal numbers of standard deviation σ: σ·√2·Γ(5/2)/Γ(2) = 1.88 σ.
    assert noise_l2(elsewhere.logits, elsewhere.noisy_logits).value == pytest.approx(0.188, rel=0.1)


@pytest.mark.parametrize("name", ["inputs themselves", "midpoints", "pure_noise"])
def test_points_that_are_made_as_needed_are_those_that_are_kept(monkeypatch, name):
    # Few inputs are worked on and held at a time, and not as many in each way.
    for room in ("functional.evaluation", "functional.sensitivity", "probe.observation"):
        monkeypatch.setattr(f"simplicity_sweep.{room}.rows_at_once", lambda _, most=8192: 8 if most == 8192 else 5)
    for room in ("functional.sensitivity", "probe.observation", "probe.points"):
        monkeypatch.setattr(f"simplicity_sweep.{room}.noise_rows", lambda _: 16)
    monkeypatch.setattr("simplicity_sweep.probe.observation.rows_in_memory", lambda _, batch: min(batch, 10))
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3)).double()
    inputs = torch.randn(60, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    seen = []
    for free in (1 << 30, 0):
        monkeypatch.setattr("simplicity_sweep.probe.points.free_bytes", lambda _, free=free: free)
        among = Points(inputs, None, ALL, 3)
        observation = Observation(network, getattr(among, name, among))
        seen.append(
            [observation.logits, observation.noisy_logits, observation.attacked_logits, observation.jacobian_gram]
        )
    assert [len(tensor) for tensor in seen[0]][:1] == [30 if name == "midpoints" else 60]
    assert all(map(torch.equal, *seen))
