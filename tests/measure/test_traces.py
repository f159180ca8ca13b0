"""Measuring leaves no trace in a network and in the process."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from simplicity_sweep.measure.arrays import read_arrays
from simplicity_sweep.measure.figures import figures_of
from simplicity_sweep.measure.subject import Subject, from_function
from tests.measure.conftest import NETWORKS


@pytest.fixture
def measure(plan, npz):
    def run(subject: Subject) -> dict[str, float]:
        data = read_arrays(npz()).to(torch.device("cpu"), subject.dtype)
        return figures_of(subject, data, replace(plan, points=["midpoint", "noise"]), "it").values

    return run


@pytest.mark.parametrize("name", ["convolutional", "Picky", "Detached", "not_finite"])
def test_modes_weights_statistics_and_gradients_are_left_as_they_were(measure, name):
    network = from_function(f"{NETWORKS}:{name}", 0).network.train()
    next(network.children()).eval()  # a part of it is frozen
    for number, parameter in enumerate(network.parameters()):
        parameter.grad = torch.full_like(parameter, float(number))
        parameter.requires_grad_(number % 2 == 0)
    before = [
        [module.training for module in network.modules()],
        [(parameter.requires_grad, parameter.grad.clone()) for parameter in network.parameters()],
        {key: value.clone() for key, value in network.state_dict().items()},
    ]
    measure(Subject(network))
    assert [module.training for module in network.modules()] == before[0]
    for parameter, (required, gradient) in zip(network.parameters(), before[1], strict=True):
        assert parameter.requires_grad is required
        assert torch.equal(parameter.grad, gradient)
    for key, value in network.state_dict().items():
        torch.testing.assert_close(value, before[2][key], rtol=0, atol=0, equal_nan=True)


def test_a_network_left_in_training_mode_is_measured_in_eval_mode(measure):
    training, evaluating = (from_function(f"{NETWORKS}:convolutional", 0) for _ in range(2))
    evaluating.network.eval()
    one, other = measure(training), measure(evaluating)
    assert all(one[name] == other[name] for name in one if not name.endswith("initial"))


@pytest.mark.parametrize("grad", [True, False])
def test_random_state_and_grad_mode_are_left_as_they_were(measure, grad):
    subject = from_function(f"{NETWORKS}:convolutional", 0)
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    with torch.set_grad_enabled(grad):
        measure(subject)
        assert torch.is_grad_enabled() is grad
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before[1:]


def test_a_caller_without_gradients_gets_the_same_figures(measure):
    subject = from_function(f"{NETWORKS}:convolutional", 0)
    first = measure(subject)
    with torch.no_grad():
        second = measure(subject)
    assert all(first[name] == second[name] for name in first if not name.endswith("initial"))
