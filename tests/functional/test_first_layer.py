"""Taking a network apart changes nothing but the time it takes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from simplicity_sweep.functional import labels, labels_along_paths, path_points
from simplicity_sweep.functional.first_layer import halves


class Around(nn.Module):
    """A skip connection from the inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.first(x).relu() + x)


class Gated(nn.Module):
    """The inputs decide, without a gradient, what happens behind the first layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(6, 5), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.first(x) * (x.sum(1, keepdim=True) > 0))


class Choosy(nn.Module):
    """Refuses NaN."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        if bool(x.isnan().any()):
            raise ValueError("NaN")
        return self.first(x)


class Twice(nn.Module):
    """Its first layer is also another one."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(self.layer(x).tanh())


class Patched(nn.Module):
    """Its first layer is one by its type, not by what it does."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(6, 5), nn.Linear(5, 3)
        self.first.forward = lambda x: x[:, :5] * 2

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.first(x))


def mlp(shape: int | tuple[int, int] = 6) -> nn.Sequential:
    head = nn.Identity() if isinstance(shape, int) else nn.Flatten()
    return nn.Sequential(head, nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Dropout(), nn.Linear(5, 3))


def drawn(network: nn.Module, seed: int = 0) -> nn.Module:
    generator = torch.Generator().manual_seed(seed)
    for parameter in network.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator)
    return network.eval()


def inputs(n: int = 7, *shape: int) -> Tensor:
    return torch.randn(n, *(shape or (6,)), generator=torch.Generator().manual_seed(9))


@pytest.mark.parametrize("shape", [(6,), (2, 3)])
def test_the_halves_together_are_the_network(shape):
    network, x = drawn(mlp(6 if len(shape) == 1 else shape)), inputs(7, *shape)
    apart = halves(network, x)
    assert apart is not None
    assert apart.first is network[1]
    assert torch.equal(apart.behind(apart.before(x)), network(x))


@pytest.mark.parametrize(
    "network",
    [
        Around(),
        Gated(),
        Choosy(),
        Twice(),
        Patched(),
        nn.Sequential(nn.Linear(6, 20), nn.Linear(20, 3)),  # wider than the inputs: nothing would be saved
        nn.Sequential(nn.LayerNorm(6), nn.Linear(6, 3)),
        nn.Sequential(nn.ReLU(inplace=True), nn.Linear(6, 3)),
        nn.Unflatten(1, (2, 3)),
        nn.Identity(),
    ],
    ids=lambda network: type(network).__name__,
)
def test_what_cannot_be_taken_apart_is_left_whole(network):
    assert halves(drawn(network), inputs()) is None


def test_the_hooks_of_the_first_layer_act_once():
    network, x = drawn(mlp()), inputs()
    network[1].register_forward_hook(lambda layer, given, output: 2 * output + 1)
    apart = halves(network, x)
    assert apart is not None
    assert torch.equal(apart.behind(apart.before(x)), network(x))


def test_a_hook_that_reads_the_inputs_leaves_it_whole():
    network = drawn(mlp())
    network[1].register_forward_hook(lambda layer, given, output: output + given[0][:, :5])
    assert halves(network, inputs()) is None


def test_no_inputs_leave_it_whole():
    assert halves(drawn(mlp()), inputs(0)) is None


@pytest.mark.parametrize("network", [mlp(), Around(), Gated(), Twice()], ids=lambda network: type(network).__name__)
def test_labels_along_paths_are_those_of_the_points(network):
    # In double precision no point of these paths lies within a rounding error of a boundary.
    network = drawn(network).double()
    starts, ends = inputs(14).double().split(7)
    every = labels(network(path_points(starts, ends, 33).flatten(0, 1))).view(7, 33)
    assert torch.equal(labels_along_paths(network, starts, ends, 33, batch=100), every)
    assert len(every.unique()) > 1


def test_the_network_is_left_as_it_was_found():
    network = mlp().train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    labels_along_paths(network, *inputs(8).split(4))
    assert network.training
    assert "forward" not in vars(network[1])
    assert not any(module._forward_hooks for module in network.modules())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_a_network_that_raises_between_is_left_as_it_was_found():
    network = nn.Sequential(nn.Linear(6, 5), nn.Linear(4, 3))
    with pytest.raises(RuntimeError):
        labels_along_paths(network, *inputs(8).split(4))
    assert "forward" not in vars(network[0])
    assert not network[0]._forward_hooks


def test_inputs_of_inference_mode_can_be_measured():
    with torch.inference_mode():
        x = inputs(8)
        measured = labels_along_paths(drawn(mlp()), *x.split(4))
    assert measured.shape == (4, 128)
