"""Depth is the number of hidden layers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from simplicity_sweep.nn import MLP, hidden_sizes


@pytest.mark.parametrize(("hidden_layers", "sizes"), [(0, ()), (1, (128,)), (2, (128, 64)), (4, (128, 64, 64, 64))])
def test_later_hidden_layers_have_half_the_width(hidden_layers, sizes):
    assert hidden_sizes(hidden_layers, 128) == sizes


def test_explicit_sizes_are_taken_as_they_are():
    assert hidden_sizes(2, 128, [5, 4, 3]) == (5, 4, 3)


def test_no_hidden_layer_is_a_linear_model():
    network = MLP((2, 3), 4, (), nn.ReLU)
    x, y = torch.randn(2, 1, 2, 3, generator=torch.Generator().manual_seed(0))
    middle = network((x + y) / 2)
    torch.testing.assert_close(middle, (network(x) + network(y)) / 2)


def test_the_default_network_has_its_known_number_of_parameters():
    network = MLP((28, 28), 10, hidden_sizes(2, 128), nn.ReLU)
    by_hand = (784 * 128 + 128) + (128 * 64 + 64) + (64 * 10 + 10)
    assert sum(p.numel() for p in network.parameters()) == by_hand == 109_386


def test_every_layer_has_an_activation_of_its_own():
    network = MLP((3,), 2, (4, 4, 4), nn.PReLU)
    assert sum(isinstance(layer, nn.PReLU) for layer in network) == 3
    assert sum(p.numel() == 1 for p in network.parameters()) == 3


@pytest.mark.parametrize(("layers", "sizes"), [(-1, None), (1, [0]), (1, [8, -3])])
def test_impossible_sizes_are_refused(layers, sizes):
    with pytest.raises(ValueError, match=r"Expected"):
        hidden_sizes(layers, 128, sizes)


def test_an_activation_that_is_no_module_is_refused():
    with pytest.raises(TypeError, match="activation"):
        MLP((3,), 2, (4,), lambda: torch.relu)
