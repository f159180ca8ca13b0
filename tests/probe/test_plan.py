"""All that is measured of a network: the right names, values, errors and reasons."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from simplicity_sweep.data import Split
from simplicity_sweep.functional import Estimate, noise_l2
from simplicity_sweep.probe import Measurement, Observation, Plan, Points, Probe

VAL = Probe(inputs=10, paths=5, points=4, draws=1, sigma=0.1)
TEST = Probe(inputs=None, paths=20, points=16, draws=2, sigma=0.1)


class Data:
    """Three parts of different sizes."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        self.train, self.val, self.test = (
            Split(torch.randn(n, 4, generator=generator), torch.arange(n) % 3) for n in (40, 30, 20)
        )


def plan(points: tuple[str, ...] = (), **measurements: Measurement) -> Plan:
    return Plan(measurements, {"val": VAL, "test": TEST}, seed=5, points=points)


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(4, 3)


def size(logits: Tensor) -> Estimate:
    return Estimate(float(len(logits)))


def test_while_training_the_validation_inputs_are_looked_at(network):
    assert plan(size=Measurement(size, ["logits"])).while_training(network, Data()).values == {"val/size": 10.0}


def test_in_the_end_the_test_inputs_are_looked_at_and_the_errors_are_kept(network):
    data = Data()
    noise = Measurement(noise_l2, ["logits", "noisy_logits"])
    figures = plan(noise=noise, size=Measurement(size, ["logits"])).in_the_end(network, data, {})
    seen = Observation(network, Points(data.test.inputs, data.test.labels, TEST, 5))
    expected = noise_l2(seen.logits, seen.noisy_logits)
    assert figures.values == {
        "test/noise": expected.value,
        "test/noise/standard_error": expected.standard_error,
        "test/size": 20.0,
    }


def test_pointwise_measurements_are_taken_elsewhere_too(network):
    figures = plan(
        ("train", "midpoint", "noise"),
        size=Measurement(size, ["logits"], pointwise=True),
        other=Measurement(size, ["logits"]),
    ).in_the_end(network, Data(), {})
    assert figures.values == {
        **{"test/size": 20.0, "test/other": 20.0},
        **{"train/size": 40.0, "midpoint/size": 10.0, "noise/size": 20.0},
    }


def test_what_does_not_exist_is_nan_and_says_why(network):
    figures = plan(
        ("noise",),
        labels=Measurement(size, ["labels"], pointwise=True),
        paths=Measurement(size, ["path_labels"], ["true_labels", "initial"]),
    ).in_the_end(network, Data(), {})
    assert figures.undefined == {
        "noise/labels": "there are no true labels at these points",
        "null/paths/true_labels": "there are no true labels between the inputs",
        "null/paths/initial": "the network was not seen before it was trained",
    }
    assert all(math.isnan(figures.values[name]) for name in figures.undefined)


def test_a_number_without_an_error_is_taken_for_exact(network):
    figures = plan(mean=Measurement(lambda logits: logits.mean(), ["logits"])).in_the_end(network, Data(), {})
    assert list(figures.values) == ["test/mean"]
