"""All that is measured of a network: the right names, values, errors and reasons."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from simplicity_sweep.data import Split
from simplicity_sweep.functional import Estimate, jacobian_norm_logits, lz76_labels, lz76_path, noise_l2
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


def test_a_number_that_is_nan_is_undefined(network):
    figures = plan(size=Measurement(lambda logits: logits.mean() * math.nan, ["logits"])).in_the_end(
        network, Data(), {}
    )
    assert figures.undefined == {"test/size": "the function returned NaN"}


@pytest.mark.parametrize(
    "module", [nn.Linear(4, 3), nn.Sequential(nn.Unflatten(1, (1, 4)), nn.Conv1d(1, 3, 4), nn.Flatten())]
)
@pytest.mark.parametrize("n", [0, 1])
def test_too_few_inputs_are_undefined_with_a_reason(module, n):
    data = Data()
    data.test = Split(torch.zeros(n, 4), torch.zeros(n, dtype=torch.int64))
    everything = {
        "path": Measurement(lz76_path, ["path_labels"], ["shuffled", "initial"]),
        "noise": Measurement(noise_l2, ["logits", "noisy_logits"], pointwise=True),
        "jacobian": Measurement(jacobian_norm_logits, ["jacobian_gram"], pointwise=True),
        "labels": Measurement(lz76_labels, ["logits"], ["shuffled", "true_labels"]),
    }
    figures = plan(("midpoint", "noise"), **everything).in_the_end(module, data, dict(module.state_dict()))
    assert figures.undefined["test/path"] == figures.undefined["midpoint/noise"] == "no inputs"
    assert math.isnan(figures.values["test/noise"]) is (n == 0)
    assert "test/noise/standard_error" not in figures.values


def test_what_a_measurement_raises_goes_on_to_the_caller_unless_it_is_taken_for_a_reason(network):
    def broken(logits: Tensor) -> float:
        raise RuntimeError("no memory")

    measurement = Measurement(broken, ["logits"], ["shuffled"])
    with pytest.raises(RuntimeError, match="no memory"):
        plan(broken=measurement).in_the_end(network, Data(), {})
    bearing = plan(broken=replace(measurement, reason_of=str), size=Measurement(size, ["logits"]))
    figures = bearing.in_the_end(network, Data(), {})
    assert figures.undefined == {"test/broken": "no memory", "null/broken/shuffled": "no memory"}
    assert figures.values["test/size"] == 20
