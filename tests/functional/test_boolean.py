"""Boolean functions: by hand, in the textbook's closed forms, and by brute force over inputs, bits and pairs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from torch import nn

from simplicity_sweep.functional import lz76, lz_dcl
from simplicity_sweep.functional.boolean import (
    boolean_inputs,
    boolean_sensitivity,
    boolean_sensitivity_sampled,
    fourier_coefficients,
    fourier_weights,
    influences,
    noise_stability,
    truth_table,
)


def table_of(n: int, rule: Callable[[Sequence[int]], object]) -> list[int]:
    """Counted up, most significant bit first, by Python's own counting."""
    return [int(bool(rule(bits))) for bits in itertools.product((0, 1), repeat=n)]


def parity(n: int) -> list[int]:
    return table_of(n, lambda x: sum(x) % 2)


def majority(n: int) -> list[int]:
    return table_of(n, lambda x: sum(x) > n / 2)


def drawn(n: int, seed: int, classes: int = 2) -> list[int]:
    return torch.randint(classes, (1 << n,), generator=torch.Generator().manual_seed(seed)).tolist()


MULTIPLEXER = table_of(6, lambda x: x[2 + 2 * x[0] + x[1]])  # two address bits choose one of four data bits
FUNCTIONS = {
    "constant": [1] * 16,
    "dictator": table_of(4, lambda x: x[1]),
    "parity": parity(5),
    "majority": majority(5),
    "and": table_of(4, all),
    "multiplexer": MULTIPLEXER,
    **{f"random {n}": drawn(n, seed=n) for n in range(1, 8)},
}
every_function = pytest.mark.parametrize("table", FUNCTIONS.values(), ids=FUNCTIONS.keys())


def linear(weights: Sequence[float], bias: float) -> nn.Linear:
    layer = nn.Linear(len(weights), 1)
    layer.weight.data, layer.bias.data = torch.tensor([weights]).float(), torch.tensor([bias]).float()
    return layer


def parity_network(n: int) -> nn.Module:
    """A hidden layer folds the sum of the bits, s, to 0, 1, 0, 1, …: s − 2(s − 1)₊ + 2(s − 2)₊ − …, less a half."""
    hidden, last = nn.Linear(n, n), linear([1, *(2 * (-1) ** k for k in range(1, n))], -0.5)
    hidden.weight.data, hidden.bias.data = torch.ones(n, n), -torch.arange(n).float()
    return nn.Sequential(hidden, nn.ReLU(), last)


def changes(table: Sequence[int]) -> list[list[int]]:
    """Whether flipping bit i of input x changes the label: x outside, i inside."""
    n = len(table).bit_length() - 1
    return [[int(table[x] != table[x ^ (1 << (n - 1 - i))]) for i in range(n)] for x in range(len(table))]


def coefficient(table: Sequence[int], subset: Sequence[int]) -> float:
    """2^-n Σ_x (−1)^(f(x) + Σ_{i∈S} x_i), word for word; the subset as zeros and ones."""
    inputs = itertools.product((0, 1), repeat=len(subset))
    return sum((-1) ** (f + np.dot(subset, x)) for f, x in zip(table, inputs, strict=True)) / len(table)


def test_inputs_are_counted_up_with_the_most_significant_bit_first():
    assert boolean_inputs(3).tolist() == [list(bits) for bits in itertools.product((0, 1), repeat=3)]
    assert boolean_inputs(1, values=(-1, 1)).tolist() == [[-1], [1]]


@pytest.mark.parametrize(
    ("network", "c76", "dcl"),
    [(parity_network(7), 13, 91), (linear([1] * 7, -3.5), 10, 70), (linear([1] + [0] * 6, -0.5), 3, 21)],
)
def test_the_reference_complexities_of_seven_bits(network, c76, dcl):
    # From shared/METRICS.md, section 1, by brute force.
    table = truth_table(network, 7)
    assert (lz76(table), lz_dcl(table)) == (c76, pytest.approx(dcl))


@pytest.mark.parametrize("n", [1, 2, 7, 9])
def test_a_truth_table_is_that_of_the_function_the_network_computes(n):
    assert truth_table(parity_network(n), n, batch=5).tolist() == parity(n)
    assert truth_table(linear([1] * n, 0.0), n, values=(-1.0, 1.0)).tolist() == majority(n)
    assert truth_table(linear([1] * n, 0.5 - n).double(), n).tolist() == table_of(n, all)
    assert truth_table(nn.Identity(), 2).tolist() == [0, 1, 0, 0]  # two outputs; a tie goes to the first


def test_inputs_can_be_whole_numbers_for_an_embedding():
    signs = nn.Embedding.from_pretrained(torch.tensor([[-1.0], [1.0]]))
    network = nn.Sequential(signs, nn.Flatten(), linear([1, 0], 0))
    assert truth_table(network, 2, dtype=torch.int64).tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("table", [*FUNCTIONS.values(), drawn(5, seed=0, classes=3)])
def test_sensitivity_and_influences_are_those_of_every_input_and_every_bit(table):
    estimate, size = boolean_sensitivity(table), len(table)
    assert estimate.per_input.tolist() == [sum(bits) for bits in changes(table)]
    assert estimate.value == sum(map(sum, changes(table))) / size
    assert (estimate.n, estimate.standard_error) == (size, None)
    assert influences(table).tolist() == [sum(inputs) / size for inputs in zip(*changes(table), strict=True)]


@every_function
def test_flips_and_spectrum_give_one_sensitivity(table):
    weights = fourier_weights(table).tolist()
    assert sum(k * weight for k, weight in enumerate(weights)) == pytest.approx(boolean_sensitivity(table).value)


@every_function
def test_the_transform_is_the_sum_that_defines_it(table):
    subsets = list(itertools.product((0, 1), repeat=len(table).bit_length() - 1))
    expected, weights = [coefficient(table, subset) for subset in subsets], [0.0] * (len(subsets[0]) + 1)
    for subset, found in zip(subsets, expected, strict=True):
        weights[sum(subset)] += found**2
    assert fourier_coefficients(table).tolist() == expected
    assert fourier_weights(table).tolist() == weights
    assert sum(weights) == 1  # Parseval


@every_function
@pytest.mark.parametrize("rho", [-1.0, -0.3, 0.0, 0.5, 1.0])
def test_stability_is_that_of_all_correlated_pairs(table, rho):
    n, delta, changed = len(table).bit_length() - 1, (1 - rho) / 2, 0.0
    for x, y in itertools.product(range(len(table)), repeat=2):
        d = (x ^ y).bit_count()
        changed += (table[x] != table[y]) * delta**d * (1 - delta) ** (n - d) / len(table)
    stability = noise_stability(table, rho)
    assert (1 - stability.value) / 2 == pytest.approx(changed, abs=1e-12)  # the noise sensitivity
    assert (stability.n, stability.standard_error) == (len(table), None)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        *((parity(n), [1] * n) for n in (1, 2, 5, 10)),
        *((majority(n), [math.comb(n - 1, (n - 1) // 2) / 2 ** (n - 1)] * n) for n in (1, 3, 7, 11)),
        *((table_of(n, all), [2 ** (1 - n)] * n) for n in (1, 3, 8)),
        *((table_of(3, lambda x, i=i: x[i]), [float(i == j) for j in range(3)]) for i in range(3)),
        ([0] * 8, [0, 0, 0]),
        # By hand: an address bit matters where two data differ, a datum where it is addressed.
        (MULTIPLEXER, [1 / 2, 1 / 2, 1 / 4, 1 / 4, 1 / 4, 1 / 4]),
    ],
)
def test_the_influences_of_the_textbook(table, expected):
    assert influences(table).tolist() == expected
    assert boolean_sensitivity(table).value == sum(expected)
    assert boolean_sensitivity(table, normalised=True).value == pytest.approx(sum(expected) / len(expected))


def test_the_spectra_of_the_textbook():
    assert fourier_coefficients(parity(5)).tolist() == [0] * 31 + [1]
    assert fourier_coefficients([1, 1, 1, 1]).tolist() == [-1, 0, 0, 0]
    assert fourier_coefficients(table_of(3, lambda x: x[0])).tolist() == [0, 0, 0, 0, 1, 0, 0, 0]
    assert fourier_weights(table_of(3, all)).tolist() == [9 / 16, 3 / 16, 3 / 16, 1 / 16]  # of 1 − 2 x_1 x_2 x_3


@pytest.mark.parametrize(
    "form",
    [
        lambda t: tuple(bool(x) for x in t),
        lambda t: np.array(t[::-1], np.uint8)[::-1],
        lambda t: torch.tensor(t, dtype=torch.bool),
        lambda t: torch.tensor(t, dtype=torch.int16).repeat_interleave(2)[::2],
        lambda t: torch.tensor(t, device="cuda" if torch.cuda.is_available() else "cpu"),
    ],
)
def test_the_form_of_a_table_does_not_matter(form):
    table = drawn(4, seed=1)
    assert influences(form(table)).tolist() == influences(table).tolist()
    assert boolean_sensitivity(form(table)).per_input.tolist() == boolean_sensitivity(table).per_input.tolist()
    assert fourier_weights(form(table)).tolist() == fourier_weights(table).tolist()


def test_outputs_that_are_not_finite_give_nan_with_a_reason():
    network = linear([3e38], 3e38)  # the sum overflows
    table = truth_table(network, 1)
    assert table.tolist() == [1, -1]
    sampled = [boolean_sensitivity_sampled(network, 1, 1, torch.Generator().manual_seed(seed)) for seed in range(9)]
    for estimate in (boolean_sensitivity(table), noise_stability(table, 0.5), *sampled):
        assert math.isnan(estimate.value)
        assert "non-finite outputs" in estimate.reason
    for measure in (influences, fourier_coefficients, fourier_weights):
        assert measure(table).isnan().all()


def test_a_sampled_sensitivity_lies_around_the_exact_one():
    estimate = boolean_sensitivity_sampled(linear([1] * 11, -5.5), 11, 2000, torch.Generator().manual_seed(0))
    assert 0 < estimate.standard_error < 0.1
    assert abs(estimate.value - boolean_sensitivity(majority(11)).value) < 4 * estimate.standard_error
    assert set(estimate.per_input.tolist()) == {0, 6}  # by hand: 6 flips matter to 5 or 6 ones, none otherwise


@pytest.mark.parametrize("n", [1, 7, 64])
def test_a_sampled_sensitivity_of_parity_is_exact(n):
    estimate = boolean_sensitivity_sampled(parity_network(n), n, 20, torch.Generator().manual_seed(3))
    assert (estimate.value, estimate.standard_error) == (n, 0)
    assert boolean_sensitivity_sampled(parity_network(n), n, 1, torch.Generator(), normalised=True).value == 1


def test_a_sample_depends_on_the_generator_alone():
    one, batched, signed = (
        boolean_sensitivity_sampled(linear([1] * 9, bias), 9, 30, torch.Generator().manual_seed(5), **options)
        for bias, options in ((-4.5, {}), (-4.5, {"batch": 4}), (0.0, {"values": (-1.0, 1.0)}))
    )
    assert one.per_input.tolist() == batched.per_input.tolist() == signed.per_input.tolist()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: boolean_inputs(0), r"`n` to be 1 … 20 bits, but got 0"),
        (lambda: truth_table(nn.Identity(), 21), r"but got 21\. Use boolean_sensitivity_sampled"),
        (lambda: boolean_inputs(2, (1.0, 1.0)), r"`values` to be two different numbers .* got \(1\.0, 1\.0\)"),
        (lambda: boolean_inputs(2, (0.0, 0.5), torch.int64), r"`values` .* of torch\.int64"),
        (lambda: truth_table(nn.Flatten(0), 2), r"`network` to map"),
        (lambda: boolean_sensitivity_sampled(nn.Identity(), 0, 5, torch.Generator()), r"`samples` .* got 0 and 5"),
        (lambda: boolean_sensitivity_sampled(nn.Identity(), 3, 0, torch.Generator()), r"`samples` .* got 3 and 0"),
        (lambda: boolean_sensitivity([1]), r"`table` to hold 2\^n labels on one axis, n ≥ 1, but got shape \[1\]"),
        (lambda: fourier_weights([1, 0, 1]), r"but got shape \[3\]"),
        (lambda: fourier_coefficients([0, 2]), r"`table` to hold 0 and 1, but got 2\."),
        (lambda: noise_stability([1, -3], 0.5), r"`table` to hold 0 and 1, but got -3\."),
        (lambda: noise_stability([0, 1], math.nan), r"`rho` to be a number from −1 to 1, but got nan"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=f"Expected argument.*{message}"):
        call()


@pytest.mark.parametrize("table", [torch.zeros(4), np.zeros(4), [0.0, 1.0], ["0", "1"], torch.zeros(2) * 1j])
def test_labels_are_whole_numbers_or_truth_values(table):
    with pytest.raises(TypeError, match="Expected argument `table` to hold integers or Booleans, but got dtype"):
        boolean_sensitivity(table)
