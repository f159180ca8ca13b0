"""Norms of Jacobians from random directions: exact where the direction cannot matter, by formula, and on average."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from simplicity_sweep.functional import (
    jacobian_gram,
    jacobian_norm_logits,
    jacobian_norm_probabilities,
    outputs_of,
)
from simplicity_sweep.functional.hutchinson import (
    _corrected_root,
    _directions,
    jacobian_norm_differences,
    jacobian_norm_hutchinson,
)

BOTH = pytest.mark.parametrize("norm", [jacobian_norm_hutchinson, jacobian_norm_differences])


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def linear(weight: Tensor) -> nn.Module:
    network = nn.Linear(weight.shape[1], len(weight), bias=False, dtype=weight.dtype)
    network.weight = nn.Parameter(weight)
    return network


def rotation(size: int) -> Tensor:
    """Orthogonal."""
    return torch.linalg.qr(torch.randn(size, size, generator=seeded(size), dtype=torch.float64)).Q


def perceptron(outputs: int = 4) -> nn.Module:
    torch.manual_seed(0)
    layers = (nn.Flatten(), nn.Linear(12, 9), nn.Tanh(), nn.Linear(9, 7), nn.Tanh(), nn.Linear(7, outputs))
    return nn.Sequential(*layers).double()


class Stretched(nn.Module):
    """f(x) = W x² / 2, so that J = W diag(x); with columns of length 1 in W, ‖J‖_F = ‖x‖."""

    def __init__(self, outputs: int, inputs: int) -> None:
        super().__init__()
        weight = torch.randn(outputs, inputs, generator=seeded(), dtype=torch.float64)
        self.weight = nn.Parameter(weight / weight.norm(dim=0))

    def forward(self, x: Tensor) -> Tensor:
        return x.square() @ self.weight.t() / 2


class BlackBox(nn.Module):
    """Gives outputs and no graph."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            return self.network(x)


INPUTS = torch.randn(600, 3, 4, generator=seeded(1), dtype=torch.float64)


@pytest.mark.parametrize("outputs", [1, 2, 7])
@pytest.mark.parametrize("probes", [2, 5])
def test_where_all_output_directions_are_alike_every_probe_is_exact(outputs, probes):
    # W Wᵀ = 9·I, so ‖vᵀW‖² = 9·‖v‖² = 9·C for every v on the sphere of radius √C.
    network = linear(3 * rotation(8)[:outputs])
    estimate = jacobian_norm_hutchinson(network, torch.ones(6, 8, dtype=torch.float64), seeded(), probes)
    torch.testing.assert_close(estimate.per_input, torch.full((6,), 3 * math.sqrt(outputs), dtype=torch.float64))
    assert estimate.standard_error == pytest.approx(0, abs=1e-12)
    assert estimate.n == 6


@pytest.mark.parametrize("width", [1, 2, 7])
def test_where_all_input_directions_are_alike_every_difference_is_exact(width):
    network = linear(3 * rotation(8)[:, :width])
    estimate = jacobian_norm_differences(network, torch.ones(6, width, dtype=torch.float64), seeded(), probes=2)
    torch.testing.assert_close(
        estimate.per_input, torch.full((6,), 3 * math.sqrt(width), dtype=torch.float64), rtol=1e-8, atol=0
    )


def test_the_norm_of_a_single_probability_pair_is_by_hand():
    # Two logits (x, −x) at x = 0: p = (1/2, 1/2), S J = (1/2, −1/2)ᵀ, of length √½; d = 1, so every v is ±1.
    network, inputs = linear(torch.tensor([[1.0], [-1.0]], dtype=torch.float64)), torch.zeros(3, 1, dtype=torch.float64)
    estimate = jacobian_norm_differences(network, inputs, seeded(), space="probabilities")
    assert estimate.value == pytest.approx(math.sqrt(0.5), rel=1e-8)


@BOTH
@pytest.mark.parametrize("space", ["logits", "probabilities"])
def test_the_estimate_is_the_exact_norm_within_its_error(norm, space):
    network = perceptron()
    gram = jacobian_gram(network, INPUTS)
    if space == "logits":
        exact = jacobian_norm_logits(gram)
    else:
        exact = jacobian_norm_probabilities(gram, outputs_of(network, INPUTS).softmax(-1))
    estimate = norm(network, INPUTS, seeded(3), probes=16, space=space)
    # The same inputs: what differs is the probes' part alone.
    difference = estimate.per_input - exact.per_input
    assert abs(float(difference.mean())) < 4 * float(difference.std()) / math.sqrt(len(INPUTS))
    assert float((difference / exact.per_input).abs().mean()) < 0.2


def test_differences_along_given_directions_are_those_of_the_exact_jacobian():
    network, step = perceptron(), 1e-5
    inputs = INPUTS[:5]
    exact = torch.func.vmap(torch.func.jacrev(lambda x: network(x[None])[0]))(inputs).flatten(2).detach()
    directions = _directions(seeded(7), 5, 3, 12)
    lengths = torch.einsum("ncd,pnd->npc", exact, directions).norm(dim=-1)
    estimate = jacobian_norm_differences(network, inputs, seeded(7), probes=3, step=step)
    torch.testing.assert_close(estimate.per_input, _corrected_root(lengths.square()), rtol=1e-8, atol=0)


def test_the_default_step_suits_single_precision():
    # ε^(2/3) = 2.4e-5 times a few: the same directions, in double precision with a tiny step, tell the truth.
    network, inputs = perceptron(), INPUTS[:50]
    truth = jacobian_norm_differences(network, inputs, seeded(7), step=1e-5).per_input
    found = jacobian_norm_differences(network.float(), inputs.float(), seeded(7)).per_input
    torch.testing.assert_close(found, truth, rtol=1e-3, atol=0)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_the_default_step_follows_the_units_of_the_inputs(scale):
    network = nn.Sequential(linear(torch.eye(12, dtype=torch.float64) / scale), perceptron()).double()
    inputs = INPUTS[:20].flatten(1)
    plain = jacobian_norm_differences(perceptron(), inputs, seeded(2)).per_input
    scaled = jacobian_norm_differences(network, scale * inputs, seeded(2)).per_input
    torch.testing.assert_close(scale * scaled, plain, rtol=1e-6, atol=0)


def spread_of_probes(norm, seed):
    # One Jacobian of rank 1, the worst case: inputs don't differ, their probes do.
    weight = torch.tensor([1.0, -2.0, 2.0], dtype=torch.float64)
    return norm(linear(weight.outer(weight)), torch.ones(100, 3, dtype=torch.float64), seeded(seed)), 9.0


def spread_of_inputs(norm, seed):
    # One output, one input: every probe is exact.
    inputs = 1 + torch.rand(100, 1, generator=seeded(1000 + seed), dtype=torch.float64)
    return norm(Stretched(1, 1), inputs, seeded(seed)), 1.5


def spread_of_both(norm, seed):
    directions = nn.functional.normalize(torch.randn(100, 5, generator=seeded(1000 + seed), dtype=torch.float64))
    lengths = 1 + torch.rand(100, 1, generator=seeded(2000 + seed), dtype=torch.float64)
    return norm(Stretched(3, 5), lengths * directions, seeded(seed)), 1.5


@BOTH
@pytest.mark.parametrize("case", [spread_of_probes, spread_of_inputs, spread_of_both])
def test_the_standard_error_accounts_for_inputs_and_probes(norm, case):
    # 100 z-scores: their mean is 0 ± 0.1, and up to 0.25 for the bias of 0.6 %; their spread is 1 ± 0.07.
    found = [case(norm, seed) for seed in range(100)]
    scores = torch.tensor([(estimate.value - truth) / estimate.standard_error for estimate, truth in found])
    assert abs(float(scores.mean())) < 4 * 0.1 + 0.25
    assert 1 - 4 * 0.07 < float(scores.std()) < 1 + 4 * 0.07


@pytest.mark.parametrize(("probes", "plain", "left"), [(2, 0.1138, 0.030), (3, 0.0787, 0.012), (4, 0.0600, 0.006)])
@pytest.mark.parametrize("spectrum", [(1.0,), (0.95,) + 10 * (0.005,), (0.5, 0.5)])
def test_the_bias_that_is_left_is_the_documented_one(probes, plain, left, spectrum):
    # Many outputs: vᵀJ Jᵀv is a sum of eigenvalues times χ² of one degree, drawn here for 200,000 inputs of norm 1.
    # The mean of their roots has a standard error below 0.5 / √200,000 = 0.0011.
    eigenvalues = torch.tensor(spectrum, dtype=torch.float64)
    normal = torch.randn(200_000, probes, len(spectrum), generator=seeded(5), dtype=torch.float64)
    squares = normal.square() @ eigenvalues
    assert 1 - plain - 0.004 < float(squares.mean(dim=1).sqrt().mean()) < 1
    assert abs(float(_corrected_root(squares).mean()) - 1) < left + 0.004


def test_the_bias_without_a_correction_is_the_formula():
    for probes, percent in ((1, 20), (2, 11), (3, 8), (4, 6)):
        kept = math.sqrt(2 / probes) * math.gamma((probes + 1) / 2) / math.gamma(probes / 2)
        assert round(100 * (1 - kept)) == percent


def test_the_corrected_root_is_by_hand_and_never_below_the_plain_one():
    # 2·√((1 + 9)/2) − (√1 + √9)/2, and nothing to correct where the probes agree.
    squares = torch.tensor([[1.0, 9.0], [4.0, 4.0], [0.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    corrected = _corrected_root(squares)
    assert corrected.tolist() == pytest.approx([2 * math.sqrt(5) - 2, 2, 0, 2 * math.sqrt(0.5) - 0.5])
    assert bool((corrected >= squares.mean(dim=1).sqrt()).all())


@BOTH
def test_neither_the_batch_nor_later_inputs_change_the_probes(norm):
    network = perceptron()
    one, other, fewer = (
        norm(network, inputs, seeded(), batch=batch).per_input
        for inputs, batch in ((INPUTS[:20], 3), (INPUTS[:20], 1000), (INPUTS[:8], 5))
    )
    torch.testing.assert_close(one, other, rtol=1e-6, atol=0)
    if norm is jacobian_norm_hutchinson:  # the differences' step depends on all inputs
        torch.testing.assert_close(one[:8], fewer, rtol=1e-6, atol=0)


@BOTH
def test_networks_are_compared_with_common_probes(norm):
    network = perceptron()
    once = norm(network, INPUTS[:50], seeded(4)).per_input
    network[-1].weight.data *= 2
    torch.testing.assert_close(norm(network, INPUTS[:50], seeded(4)).per_input, 2 * once, rtol=1e-6, atol=0)


def test_a_black_box_has_differences_and_no_products():
    box = BlackBox(perceptron())
    expected = jacobian_norm_differences(perceptron(), INPUTS[:50], seeded()).value
    assert jacobian_norm_differences(box, INPUTS[:50], seeded()).value == expected
    with pytest.raises(ValueError, match="no graph"):
        jacobian_norm_hutchinson(box, INPUTS[:50], seeded())


def test_a_confident_network_keeps_its_small_norm_of_probabilities():
    # p = (1 − q, q) with q = e⁻⁴⁰: ‖S J‖_F = √2 · q (1 − q) · |w₁ − w₂|, far below the rounding of p itself.
    network = linear(torch.tensor([[20.0], [-20.0]]))
    inputs = torch.ones(4, 1)
    expected = math.sqrt(2) * math.exp(-40) * 40
    exact = jacobian_norm_probabilities(jacobian_gram(network, inputs), outputs_of(network, inputs).softmax(-1))
    estimate = jacobian_norm_hutchinson(network, inputs, seeded(), probes=64, space="probabilities")
    assert exact.value == pytest.approx(expected, rel=1e-4)
    assert estimate.value == pytest.approx(expected, rel=0.2)


@BOTH
def test_measuring_leaves_no_trace(norm):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.ReLU(), nn.Linear(8, 3))
    network[1].eval()
    inputs, random_state = torch.randn(20, 4), torch.get_rng_state()
    state = {name: value.clone() for name, value in network.state_dict().items()}
    once = norm(network, inputs, seeded()).value
    with torch.no_grad():
        assert norm(network, inputs, seeded()).value == once
        assert not torch.is_grad_enabled()
    with torch.inference_mode():
        assert norm(network, inputs.clone(), seeded()).value == once
        assert torch.is_inference_mode_enabled()
    assert torch.is_grad_enabled()
    assert not inputs.requires_grad
    assert torch.equal(torch.get_rng_state(), random_state)
    assert [part.training for part in network] == [True, False, True, True, True]
    assert all(parameter.grad is None for parameter in network.parameters())
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())


@BOTH
def test_a_constant_network_has_a_norm_of_zero(norm):
    estimate = norm(linear(torch.zeros(2, 3)), torch.zeros(5, 3), seeded())
    assert (estimate.value, estimate.standard_error) == (0, 0)


@BOTH
def test_no_inputs_leave_it_undefined(norm):
    assert norm(linear(torch.ones(2, 3)), torch.zeros(0, 3), seeded()).reason == "no inputs"


@BOTH
def test_one_input_has_no_standard_error(norm):
    assert norm(linear(torch.ones(2, 3)), torch.ones(1, 3), seeded()).standard_error is None


@BOTH
def test_outputs_that_are_not_finite_give_nan_with_a_reason(norm):
    estimate = norm(linear(torch.full((2, 3), math.inf)), torch.ones(4, 3), seeded())
    assert math.isnan(estimate.value)
    assert estimate.reason == "non-finite outputs"


def refused(call: Callable[..., object], error: type[Exception], match: str, **arguments) -> None:
    given = {"network": linear(torch.ones(2, 3)), "inputs": torch.ones(4, 3), "generator": seeded()} | arguments
    with pytest.raises(error, match=match):
        call(**given)


@BOTH
def test_what_does_not_fit_is_refused(norm):
    refused(norm, ValueError, "`probes` to be at least 2", probes=1)
    refused(norm, ValueError, "`space` to be one of", space="odds")
    refused(norm, ValueError, "`batch` to be at least 1", batch=0)
    refused(norm, ValueError, "`network` to map", network=nn.Flatten(0))
    refused(norm, TypeError, "`inputs` to be floating point", inputs=torch.ones(4, 3, dtype=torch.int64))


@pytest.mark.parametrize("step", [0.0, -1.0, math.inf, math.nan])
def test_a_step_that_is_none_is_refused(step):
    refused(jacobian_norm_differences, ValueError, "`step` to be a finite number above 0", step=step)
