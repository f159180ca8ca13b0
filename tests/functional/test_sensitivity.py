"""Sensitivities: by hand, for linear maps, and against torch's own derivatives."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.func import jacrev, vmap

from simplicity_sweep.functional import (
    evaluating,
    flip_rate,
    jacobian_gram,
    jacobian_norm_logits,
    jacobian_norm_probabilities,
    mean_over_inputs,
    noise_l2,
    noise_relative,
    noisy_outputs,
    outputs_of,
)


def mlp(act: type[nn.Module] = nn.ReLU) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 9), act(), nn.Linear(9, 7), act(), nn.Linear(7, 4)).double()


def convolutional() -> nn.Module:
    torch.manual_seed(0)
    layers = (nn.Unflatten(1, (1, 3)), nn.Conv2d(1, 2, 2), nn.Tanh(), nn.Flatten(), nn.Linear(12, 4))
    return nn.Sequential(*layers).double()


class Skip(nn.Module):
    """Uses its inputs twice: not only through the first layer."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.inner, self.outer = nn.Linear(12, 12).double(), nn.Linear(12, 4).double()

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        return self.outer(torch.relu(self.inner(x)) + x)


INPUTS = torch.randn(5, 3, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
NETWORKS = {
    "relu": mlp,
    "tanh": lambda: mlp(nn.Tanh),
    "linear": lambda: nn.Sequential(nn.Flatten(), nn.Linear(12, 4)).double(),
    "convolutions": convolutional,
    "skip": Skip,
}


def jacobians(function, inputs: Tensor) -> Tensor:
    """[n, C, d], by torch.func."""
    return vmap(jacrev(lambda x: function(x[None])[0]))(inputs).flatten(2).detach()


@pytest.mark.parametrize("name", NETWORKS)
def test_the_gram_matrix_is_that_of_the_exact_jacobian(name):
    network = NETWORKS[name]()
    exact = jacobians(network, INPUTS)
    gram = jacobian_gram(network, INPUTS, batch=2)
    torch.testing.assert_close(gram, exact @ exact.transpose(1, 2), rtol=1e-10, atol=1e-12)
    expected = exact.norm(dim=(1, 2))
    norms = jacobian_norm_logits(gram)
    torch.testing.assert_close(norms.per_input, expected)
    assert norms.value == pytest.approx(float(expected.mean()), rel=1e-10)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_norm_of_the_probabilities_is_that_of_their_own_jacobian(name):
    network = NETWORKS[name]()
    exact = jacobians(lambda x: network(x).softmax(-1), INPUTS).norm(dim=(1, 2))
    probabilities = outputs_of(network, INPUTS).softmax(-1)
    norms = jacobian_norm_probabilities(jacobian_gram(network, INPUTS), probabilities)
    torch.testing.assert_close(norms.per_input, exact, rtol=1e-8, atol=1e-12)


def test_the_jacobian_agrees_with_finite_differences():
    network, step = mlp(nn.Tanh), 1e-6
    flat = INPUTS.flatten(1)
    columns = [(network(flat + step * torch.eye(12, dtype=torch.float64)[i]) - network(flat)) / step for i in range(12)]
    differences = torch.stack(columns, -1).detach()
    gram = jacobian_gram(network, INPUTS)
    torch.testing.assert_close(gram, differences @ differences.transpose(1, 2), rtol=1e-4, atol=1e-5)


def test_a_constant_network_has_a_jacobian_of_zero():
    network = nn.Linear(3, 2)
    network.weight.data.zero_()
    assert jacobian_norm_logits(jacobian_gram(network, torch.randn(4, 3))).value == 0


def test_noise_l2_is_the_mean_length_of_what_moved():
    # By hand: draws (3, 4) and (0, 1) of the first input, (0, 0) and (6, 8) of the second.
    outputs = torch.tensor([[1.0, 1.0], [2.0, 2.0]])
    moved = torch.tensor([[[3.0, 4.0], [0.0, 0.0]], [[0.0, 1.0], [6.0, 8.0]]])
    estimate = noise_l2(outputs, outputs + moved)
    assert estimate.per_input.tolist() == [3, 5]
    assert estimate.value == 4
    assert estimate.standard_error == pytest.approx(math.sqrt(2) / math.sqrt(2))
    assert estimate.n == 2


def test_flips_are_counted_over_draws_and_inputs():
    outputs = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    noisy = torch.tensor([[[0.0, 1.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]]])
    assert flip_rate(outputs, noisy).value == 0.25


def test_scaling_the_outputs_leaves_the_relative_noise_as_it_is():
    outputs = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    noisy = outputs + 0.1 * torch.randn(2, 50, 3, generator=torch.Generator().manual_seed(1))
    assert noise_relative(7 * outputs, 7 * noisy).value == pytest.approx(noise_relative(outputs, noisy).value, rel=1e-5)


def test_relative_to_a_constant_nothing_is_defined():
    estimate = noise_relative(torch.ones(4, 2), torch.ones(1, 4, 2))
    assert math.isnan(estimate.value)
    assert "constant" in estimate.reason


def test_draws_of_one_input_are_no_independent_inputs():
    one_draw = torch.tensor([[1.0, 2.0, 6.0]])
    assert mean_over_inputs(one_draw).standard_error == mean_over_inputs(one_draw.expand(100, 3)).standard_error


@pytest.mark.parametrize("empty", [torch.zeros(0), torch.zeros(3, 0)])
def test_the_mean_of_nothing_is_undefined(empty):
    assert mean_over_inputs(empty).reason == "no inputs"


def test_one_input_has_no_standard_error():
    assert mean_over_inputs(torch.tensor([2.0])).standard_error is None


def test_noise_moves_a_linear_map_by_its_matrix():
    network = nn.Linear(3, 2, bias=False)
    inputs, sigma = torch.zeros(4, 3), 0.5
    noise = torch.randn(4, 3, generator=torch.Generator().manual_seed(9))
    moved = noisy_outputs(network, inputs, torch.Generator().manual_seed(9), sigma)
    torch.testing.assert_close(moved[0], (sigma * noise @ network.weight.T).detach())


def test_the_noise_does_not_depend_on_the_batch():
    inputs = torch.randn(10, 3)
    one, other = (
        noisy_outputs(nn.Identity(), inputs, torch.Generator().manual_seed(0), batch=batch) for batch in (3, 100)
    )
    assert torch.equal(one, other)


def test_outputs_that_are_not_finite_give_nan_with_a_reason():
    outputs = torch.tensor([[math.inf, 0.0]])
    for measure in (noise_l2, flip_rate, noise_relative):
        estimate = measure(outputs, torch.zeros(1, 1, 2))
        assert math.isnan(estimate.value)
        assert estimate.reason


def test_measuring_leaves_no_trace():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.ReLU(), nn.Linear(8, 3))
    network[1].eval()
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
    inputs = torch.randn(20, 4)
    state = {name: value.clone() for name, value in network.state_dict().items()}
    random_state = torch.get_rng_state()
    noisy_outputs(network, inputs, torch.Generator().manual_seed(0))
    jacobian_gram(network, inputs)
    assert torch.equal(torch.get_rng_state(), random_state)
    assert [part.training for part in network] == [True, False, True, True, True]
    assert network.training
    assert torch.is_grad_enabled()
    assert all(torch.equal(parameter.grad, torch.ones_like(parameter)) for parameter in network.parameters())
    for name, value in network.state_dict().items():
        assert torch.equal(value, state[name]), name


def test_dropout_is_off_while_a_network_is_measured():
    network = nn.Sequential(nn.Dropout(0.9), nn.Linear(4, 2))
    inputs = torch.randn(6, 4)
    assert torch.equal(outputs_of(network, inputs), outputs_of(network, inputs))


def test_modes_are_put_back_after_an_error():
    network = nn.Linear(1, 1)
    with pytest.raises(RuntimeError, match="mine"), evaluating(network):
        raise RuntimeError("mine")
    assert network.training


@pytest.mark.parametrize(
    "call",
    [
        lambda: noise_l2(torch.zeros(3, 2), torch.zeros(1, 4, 2)),
        lambda: flip_rate(torch.zeros(3, 2), torch.zeros(3, 2)),
        lambda: noisy_outputs(nn.Identity(), torch.zeros(2, 2), torch.Generator(), sigma=-1.0),
        lambda: noisy_outputs(nn.Identity(), torch.zeros(2, 2), torch.Generator(), draws=0),
        lambda: outputs_of(nn.Flatten(0), torch.zeros(2, 2)),
        lambda: jacobian_gram(nn.Flatten(0), torch.zeros(2, 2)),
        lambda: mean_over_inputs(torch.zeros(2, 2, 2)),
    ],
)
def test_what_does_not_fit_is_refused(call):
    with pytest.raises(ValueError, match="Expected"):
        call()


def test_inputs_must_be_numbers_that_can_be_moved():
    with pytest.raises(TypeError, match="floating point"):
        jacobian_gram(nn.Identity(), torch.zeros(2, 2, dtype=torch.int64))
