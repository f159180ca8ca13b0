"""Null controls stand where they must."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from simplicity_sweep.functional import labels, lz76_errors, lz76_path
from simplicity_sweep.probe import Observation, Points, Probe, Undefined
from simplicity_sweep.probe.controls import AtState, control

PROBE = Probe(inputs=None, paths=30, points=64, draws=1, sigma=0.1)


@pytest.fixture
def observation() -> Observation:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 4))
    inputs = torch.randn(200, 2) * 3
    return Observation(network, Points(inputs, torch.arange(200) % 4, PROBE, seed=1))


def test_shuffling_keeps_the_outputs_and_loses_their_inputs(observation):
    shuffled = control("shuffled", observation, {})
    assert not torch.equal(shuffled.logits, observation.logits)
    assert torch.equal(shuffled.logits.sort(0).values, observation.logits.sort(0).values)


def test_shuffling_a_path_keeps_its_labels_and_raises_its_complexity(observation):
    shuffled = control("shuffled", observation, {})
    assert torch.equal(shuffled.path_labels.sort(1).values, observation.path_labels.sort(1).values)
    assert lz76_path(shuffled.path_labels).value > 2 * lz76_path(observation.path_labels).value


def test_true_labels_make_no_errors(observation):
    truth = control("true_labels", observation, {})
    assert torch.equal(truth.logits.argmax(1), observation.labels)
    # Sorted by true class a perfect network says 0…01…12…23…3; by hand 0 · 0…01 · 1…12 · 2…23 · 3…: classes + 1.
    assert lz76_errors(truth.logits, truth.labels).value == 5


def test_true_labels_do_not_exist_between_the_inputs(observation):
    with pytest.raises(Undefined, match="between the inputs"):
        _ = control("true_labels", observation, {}).path_labels


def test_one_logit_that_is_always_right_is_positive_for_class_1():
    truth = torch.arange(20) % 2
    observation = Observation(nn.Linear(2, 1), Points(torch.randn(20, 2), truth, PROBE, seed=1))
    logits = control("true_labels", observation, {}).logits
    assert logits.shape == (20, 1)
    assert torch.equal(labels(logits), truth)


def test_outputs_can_be_shuffled_where_nobody_knows_the_true_labels():
    shuffled = control("shuffled", Observation(nn.Linear(2, 4), Points(torch.randn(20, 2), None, PROBE, seed=1)), {})
    assert (shuffled.logits.shape, shuffled.path_labels.shape) == ((20, 4), (30, 64))
    with pytest.raises(Undefined, match="no true labels"):
        _ = shuffled.labels


def test_the_initial_network_is_that_of_the_earlier_state(observation):
    before = {name: value.clone() for name, value in observation.network.state_dict().items()}
    expected = observation.network(observation.points.inputs).detach()
    with torch.no_grad():
        for parameter in observation.network.parameters():
            parameter.mul_(3)
    initial = control("initial", observation, before)
    torch.testing.assert_close(initial.logits, expected)
    assert not torch.allclose(observation.logits, expected)


def test_a_network_that_nobody_saw_before_training_has_no_initial_control(observation):
    with pytest.raises(Undefined, match="before it was trained"):
        control("initial", observation, {})


def test_a_network_at_an_earlier_state_leaves_the_network_as_it_is(observation):
    now = {name: value.clone() for name, value in observation.network.state_dict().items()}
    AtState(observation.network, {name: 0 * value for name, value in now.items()})(observation.points.inputs)
    for name, value in observation.network.state_dict().items():
        assert torch.equal(value, now[name])


@pytest.mark.parametrize("name", ["logits", "noisy_logits", "path_labels", "jacobian_gram"])
def test_the_initial_network_is_seen_whole_where_its_first_layer_is_narrower_than_the_inputs(name):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(40, 8), nn.Tanh(), nn.Linear(8, 4))
    points = Points(torch.randn(50, 5, 8), None, PROBE, seed=1)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    expected = getattr(Observation(network, points), name)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape))
    assert not torch.equal(getattr(Observation(network, points), name), expected)
    torch.testing.assert_close(getattr(control("initial", Observation(network, points), before), name), expected)
