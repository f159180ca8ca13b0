"""Layers and activations of many kinds, against a plain loop of `training_step`, `backward` and `optimizer.step`."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

from simplicity_sweep.fused import Group
from tests.fused.networks import Case, perceptron


class Sine(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sin(x)


class Convolutions(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(
            nn.Unflatten(1, (1, 8, 8)),
            nn.Conv2d(1, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(64, 10),
        )
        self.in_features = 64


@pytest.mark.parametrize(
    "build",
    [
        partial(perceptron, extra=nn.BatchNorm1d),
        partial(perceptron, extra=nn.LayerNorm),
        partial(perceptron, activation=nn.GELU),
        partial(perceptron, activation=nn.ELU),
        partial(perceptron, activation=nn.Softplus),
        partial(perceptron, activation=Sine),
        Convolutions,
    ],
    ids=["batch norm", "layer norm", "gelu", "elu", "softplus", "sine", "convolutions"],
)
def test_other_layers_get_the_bits_of_a_plain_loop(build):
    case = Case(build)
    case.inputs = case.inputs if case.inputs.shape[1] == 64 else torch.randn(len(case.labels), 64)
    works = case.works(60)
    logs = Group(case.members).steps(works)
    case.run_plainly(works)
    assert [log.alone or log.error for log in logs] == [None] * 3
    assert case.differences() == [0.0] * 3


@pytest.mark.parametrize("activation", [nn.SiLU, nn.SELU, nn.PReLU])
def test_any_activation_agrees_in_float64(activation):
    case = Case(lambda: perceptron(activation=activation).double())
    works = case.works(200)
    logs = Group(case.members).steps(works)
    losses = case.run_plainly(works)
    assert max(case.differences()) < 1e-8
    for log, expected in zip(logs, losses, strict=True):
        torch.testing.assert_close(log.losses, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-8)
