"""The Gram matrix of the Jacobian, whatever the network does, and however it is differentiated."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from simplicity_sweep.functional import jacobian as implementation
from simplicity_sweep.functional import jacobian_gram, jacobian_norm_logits


class Recomputed(nn.Module):
    """Its first layer is computed again in the backward pass."""

    def __init__(self, norm: nn.Module | None = None) -> None:
        super().__init__()
        self.first, self.last, self.norm = nn.Linear(6, 5), nn.Linear(5, 3), norm or nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.last(checkpoint(lambda given: self.norm(self.first(given)).tanh(), x, use_reentrant=False))


class Cubed(torch.autograd.Function):
    """Its backward takes one vector at a time: it looks at the numbers."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        [x] = ctx.saved_tensors
        return 3 * x**2 * gradient if bool((gradient != 0).any()) else torch.zeros_like(x)


class Cubes(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return Cubed.apply(x)


class Sorted(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.sort(dim=1).values


class Deaf(nn.Module):
    """Nothing of what it is given gets into its outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.constant = nn.Linear(6, 5), nn.Parameter(torch.ones(3))

    def forward(self, x: Tensor) -> Tensor:
        self.first(x)
        return self.constant.expand(len(x), 3)


def hooked() -> nn.Module:
    network = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))
    network[0].register_forward_hook(lambda layer, given, output: 2 * output)
    return network


class Residual(nn.Module):
    """The second layer's inputs come back behind it."""

    def __init__(self, act: Callable[[Tensor], Tensor] = torch.tanh) -> None:
        super().__init__()
        self.first, self.middle, self.last, self.act = nn.Linear(6, 5), nn.Linear(5, 5), nn.Linear(5, 3), act

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.act(self.first(x))
        return self.last(hidden + self.middle(hidden))


class Gated(Residual):
    def forward(self, x: Tensor) -> Tensor:
        hidden = self.first(x)
        return self.last(hidden * self.middle(hidden).sigmoid())


class Tied(Residual):
    """One layer, twice in the row."""

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.act(self.middle(self.act(self.middle(self.act(self.first(x)))))))


class Capped(Residual):
    """Of the inputs on which it is tried, none is as long as to be capped."""

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.first(x)
        return self.last(self.act(hidden * (3 / hidden.norm(dim=1, keepdim=True)).clamp_max(1)))


class Functional(Residual):
    """A matrix that is no linear layer, in the row."""

    def forward(self, x: Tensor) -> Tensor:
        return self.last((self.act(self.first(x)) @ self.middle.weight).tanh())


class Leaves(nn.Module):
    """A row of layers where the outputs are negative."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(6, 5, bias=False), nn.Linear(5, 3, bias=False)
        for layer in (self.first, self.last):
            nn.init.uniform_(layer.weight, 0.1, 1.0, generator=torch.Generator().manual_seed(0))

    def forward(self, x: Tensor) -> Tensor:
        outputs = self.last(self.first(x).tanh())
        return outputs if bool((outputs < 0).all()) else outputs**3


class Leaky(nn.Module):
    """An activation with a parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(0.3))

    def forward(self, x: Tensor) -> Tensor:
        return torch.where(x > 0, x, self.slope * x)


CHAINS: dict[str, Callable[[], nn.Module]] = {
    "hooked": hooked,
    "one class": lambda: nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 1)),
    "one hidden unit": lambda: nn.Sequential(nn.Linear(6, 1), nn.Tanh(), nn.Linear(1, 3)),
    "dropout and batch norm": lambda: nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Dropout(), *last(5)),
    "nothing between": lambda: nn.Sequential(nn.Linear(6, 5), nn.Linear(5, 4, bias=False), nn.Linear(4, 3)),
    "deep": lambda: nn.Sequential(nn.Linear(6, 5), *(part for _ in range(6) for part in (nn.ELU(), nn.Linear(5, 5)))),
    "parameter": lambda: nn.Sequential(nn.Linear(6, 5), nn.PReLU(5), nn.Linear(5, 4), Leaky(), nn.Linear(4, 3)),
    "one vector at a time": lambda: nn.Sequential(nn.Linear(6, 5), Cubes(), nn.Linear(5, 3)),
    "in place": lambda: nn.Sequential(nn.Linear(6, 5), nn.ELU(inplace=True), nn.Linear(5, 3)),
    "tied": Tied,
    "recomputed": Recomputed,
}
NETWORKS: dict[str, Callable[[], nn.Module]] = CHAINS | {
    "recomputed, layer norm": lambda: Recomputed(nn.LayerNorm(5)),
    "one vector at a time, with the inputs": lambda: nn.Sequential(Cubes(), nn.Linear(6, 3)),
    "gated": lambda: nn.Sequential(nn.Linear(6, 4), nn.GLU(1), *last(2)),
    "layer norm": lambda: nn.Sequential(nn.Linear(6, 5), nn.LayerNorm(5), *last(5)),
    "softmax at the end": lambda: nn.Sequential(nn.Linear(6, 5), *last(5), nn.Softmax(1)),
    "sorted": lambda: nn.Sequential(nn.Linear(6, 5), Sorted(), *last(5)),
    "in place, layer norm": lambda: nn.Sequential(nn.Linear(6, 5), nn.ELU(inplace=True), nn.LayerNorm(5), *last(5)),
    "in place, the outputs": lambda: nn.Sequential(nn.Linear(6, 5), *last(5), nn.ELU(inplace=True)),
    "residual": Residual,
    "residual, rectified": lambda: Residual(torch.relu),
    "a gate of its own": Gated,
    "functional": Functional,
    "one layer": lambda: nn.Linear(6, 3),
    "wide": lambda: nn.Sequential(nn.Linear(6, 20), nn.Tanh(), nn.Linear(20, 3)),
    "sequences": lambda: nn.Sequential(nn.Linear(6, 4), nn.Unflatten(1, (2, 2)), nn.Linear(2, 3), nn.Flatten()),
}


def last(width: int) -> tuple[nn.Module, ...]:
    return nn.Softplus(), nn.Linear(width, 3)


def differences(network: nn.Module, inputs: Tensor, step: float = 1e-5) -> Tensor:
    """[n, C, d], central, one input coordinate after the other."""
    moves = step * torch.eye(inputs.shape[1], dtype=inputs.dtype)
    with torch.no_grad():
        return torch.stack([(network(inputs + move) - network(inputs - move)) / (2 * step) for move in moves], dim=-1)


def inputs(n: int = 7) -> Tensor:
    return torch.randn(n, 6, generator=torch.Generator().manual_seed(9), dtype=torch.float64)


def built(name: str) -> nn.Module:
    torch.manual_seed(0)
    return NETWORKS[name]().double().eval()


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("batch", [3, 500])
def test_the_gram_matrix_is_that_of_finite_differences(name, batch):
    network = built(name)
    # ½ h² f‴ and ε/h are both near 1e-10.
    columns = differences(network, inputs())
    gram = jacobian_gram(network, inputs(), batch)
    torch.testing.assert_close(gram, columns @ columns.transpose(1, 2), rtol=1e-6, atol=1e-9)


def test_outputs_that_depend_on_no_input_have_a_jacobian_of_zero():
    gram = jacobian_gram(Deaf().double(), inputs())
    assert gram.shape == (7, 3, 3)
    assert not bool(gram.any())


def test_no_inputs_give_no_matrices():
    assert jacobian_gram(nn.Sequential(nn.Linear(6, 5), nn.Linear(5, 3)), torch.zeros(0, 6)).shape == (0, 3, 3)


@pytest.mark.parametrize("width", [5, 32])
def test_single_precision_is_exact_to_a_few_roundings(width):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(40, width), nn.ReLU(), nn.Linear(width, 12), nn.ReLU(), nn.Linear(12, 4)).eval()
    given = torch.randn(50, 40, generator=torch.Generator().manual_seed(1))
    single = jacobian_norm_logits(jacobian_gram(network, given)).per_input
    double = jacobian_norm_logits(jacobian_gram(network.double(), given.double())).per_input
    torch.testing.assert_close(single, double, rtol=1e-5, atol=0)


def test_what_cancels_in_the_first_layer_is_still_exact():
    # f(x) = (w + e)·x − w·x = e·x with e = (2⁻¹², 0): through W Wᵀ, whose entries are near 1, nothing would be left.
    network = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 1, bias=False))
    network[0].weight = nn.Parameter(torch.tensor([[1 + 2.0**-12, 0.25], [1.0, 0.25]]))
    network[1].weight = nn.Parameter(torch.tensor([[1.0, -1.0]]))
    [[[squared]]] = jacobian_gram(network, torch.ones(1, 2)).tolist()
    assert math.sqrt(squared) == pytest.approx(2.0**-12, rel=1e-3)


def test_a_rank_deficient_first_layer_has_no_negative_squares():
    network = nn.Sequential(nn.Linear(6, 4, bias=False), nn.Linear(4, 3, bias=False))
    torch.nn.init.ones_(network[0].weight)
    network[1].weight = nn.Parameter(torch.tensor([[1.0, -1.0, 0, 0], [0.3, 0.3, -0.3, -0.3], [0.1, 0.2, 0.3, -0.6]]))
    diagonal = jacobian_gram(network, torch.ones(5, 6)).diagonal(dim1=1, dim2=2)
    assert bool((diagonal >= 0).all())
    assert float(diagonal.max()) < 1e-12


@pytest.mark.parametrize("name", CHAINS)
def test_a_row_of_layers_is_differentiated_without_a_backward_pass_through_it(name, monkeypatch):
    network, expected = built(name), jacobian_gram(built(name), inputs())
    monkeypatch.setattr(implementation, "_gradients", None)
    assert torch.equal(jacobian_gram(network, inputs()), expected)


@pytest.mark.parametrize("name", [name for name in NETWORKS if name not in CHAINS])
def test_whatever_else_is_found_to_be_something_else(name, monkeypatch):
    monkeypatch.setattr(implementation, "_gradients", None)
    with pytest.raises(TypeError):
        jacobian_gram(built(name), inputs())


@pytest.mark.parametrize("rows", [1, 7, 10_000])
def test_how_many_gradients_are_at_work_at_once_changes_nothing(rows, monkeypatch):
    network = built("deep")
    expected = jacobian_gram(network, inputs())
    monkeypatch.setattr(implementation, "_ROWS", rows)
    torch.testing.assert_close(jacobian_gram(network, inputs()), expected)


def test_inputs_that_leave_the_row_are_differentiated_all_the_same():
    network, given = Leaves().double(), inputs().abs() + 0.1
    given[:4] *= -1  # on which the network is tried
    columns = torch.cat([differences(network, one) for one in given.split(1)])
    assert torch.equal(network(given[:4]) < 0, torch.ones(4, 3, dtype=torch.bool))
    torch.testing.assert_close(
        jacobian_gram(network, given, batch=1), columns @ columns.transpose(1, 2), rtol=1e-6, atol=1e-9
    )


def test_units_that_meet_for_some_inputs_only_are_noticed_there():
    torch.manual_seed(0)
    network, given = Capped().double(), torch.cat([inputs(4) / 10, 10 * inputs(3)])
    lengths = network.first(given).norm(dim=1)
    assert lengths[:4].max() < 3 < lengths[4:].min()
    columns = differences(network, given)
    torch.testing.assert_close(jacobian_gram(network, given), columns @ columns.transpose(1, 2), rtol=1e-6, atol=1e-9)


def test_a_network_at_an_earlier_state_has_the_jacobian_of_that_state():
    class Earlier(nn.Module):
        def __init__(self, network: nn.Module, state: dict[str, Tensor]) -> None:
            super().__init__()
            self.network, self.state = network, state

        def forward(self, x: Tensor) -> Tensor:
            return torch.func.functional_call(self.network, self.state, (x,))

    network = built("deep")
    earlier = Earlier(built("deep"), {name: value.detach() * 1.5 for name, value in network.state_dict().items()})
    columns = differences(earlier, inputs())
    assert (columns - differences(network, inputs())).abs().max() > 0.01
    torch.testing.assert_close(
        jacobian_gram(earlier, inputs()), columns @ columns.transpose(1, 2), rtol=1e-6, atol=1e-9
    )


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
@pytest.mark.parametrize("name", ["dropout and batch norm", "one vector at a time, with the inputs"])
def test_the_callers_grad_mode_changes_nothing_and_stays(mode, name):
    network, given = built(name), inputs()
    expected = jacobian_gram(network, given)
    with mode():
        before = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
        assert torch.equal(jacobian_gram(network, given), expected)
        assert torch.equal(jacobian_gram(network, given.clone()), expected)
        assert (torch.is_grad_enabled(), torch.is_inference_mode_enabled()) == before
    assert not given.requires_grad
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not any(module._forward_hooks for module in network.modules())


def test_a_batch_of_none_is_refused():
    with pytest.raises(ValueError, match="`batch` to be at least 1, but got 0"):
        jacobian_gram(nn.Linear(6, 3), torch.ones(2, 6), batch=0)


def test_outputs_without_a_graph_are_refused():
    network = nn.Linear(6, 3).requires_grad_(False)
    assert jacobian_gram(network, torch.ones(2, 6)).shape == (2, 3, 3)
    network.register_forward_hook(lambda layer, given, output: output.detach())
    with pytest.raises(ValueError, match="no graph"):
        jacobian_gram(network, torch.ones(2, 6))
