"""The Gram matrix of the Jacobian, whatever the network does, and however it is differentiated."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from simplicity_sweep.functional import jacobian as implementation
from simplicity_sweep.functional import jacobian_gram, jacobian_norm_logits


class Recomputed(nn.Module):
    """Its first layer is computed again in the backward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(6, 5), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(checkpoint(lambda given: self.first(given).tanh(), x, use_reentrant=False))


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


NETWORKS = {
    "recomputed": Recomputed,
    "one vector at a time": lambda: nn.Sequential(nn.Linear(6, 5), Cubes(), nn.Linear(5, 3)),
    "one vector at a time, with the inputs": lambda: nn.Sequential(Cubes(), nn.Linear(6, 3)),
    "hooked": hooked,
    "one class": lambda: nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 1)),
    "one hidden unit": lambda: nn.Sequential(nn.Linear(6, 1), nn.Tanh(), nn.Linear(1, 3)),
    "gated": lambda: nn.Sequential(nn.Unflatten(1, (1, 6)), nn.Flatten(), nn.Linear(6, 4), nn.GLU(1), *last(2)),
    "dropout and batch norm": lambda: nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Dropout(), *last(5)),
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
    torch.testing.assert_close(gram, columns @ columns.transpose(1, 2), rtol=1e-6, atol=1e-8)


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


def test_one_backward_pass_and_one_for_each_vector_find_the_same():
    network, leaf = built("one class"), inputs().requires_grad_(True)
    outputs = network(leaf)
    vectors = torch.randn(4, 7, 1, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    at_once, one_by_one = (
        gradients(outputs, leaf, vectors)
        for gradients in (implementation._gradients_at_once, implementation._gradients)
    )
    torch.testing.assert_close(at_once, one_by_one)


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
