"""Boolean functions ``f: {0, 1}^n → {0, 1}``: the labels of all inputs of ``n`` bits, their sensitivity and spectrum.

A *truth table* holds the ``2^n`` labels with the inputs counted up, the first bit ``x_1`` the most significant. A label
−1 stands for outputs that are not finite and makes every measurement NaN; write a function with values ±1 as 0 and 1.
Terms and formulas are those of R. O'Donnell, Analysis of Boolean Functions (2014), of which the sections are named.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from simplicity_sweep.functional.encoding import NOT_FINITE, labels
from simplicity_sweep.functional.estimate import Estimate, mean_over_inputs, undefined
from simplicity_sweep.functional.evaluation import outputs_of

Table = Tensor | npt.NDArray[np.generic] | Sequence[int]
Pair = tuple[float, float]
TABLE_BITS = 20  # the most bits whose inputs are all listed: a million inputs
_REASON = "non-finite outputs (label −1)"


def boolean_inputs(
    n: int, values: Pair = (0.0, 1.0), dtype: torch.dtype = torch.float32, device: torch.device | str | None = None
) -> Tensor:
    """All inputs of ``n`` bits, counted up, the first bit the most significant: shape ``[2^n, n]``.

    Raises:
        ValueError: if ``n`` is not from 1 to 20, or ``values``, for the bits 0 and 1, are not two different numbers.

    Example:
        >>> boolean_inputs(2, values=(-1.0, 1.0)).tolist()
        [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]]
    """
    if n not in range(1, TABLE_BITS + 1):
        raise ValueError(
            f"Expected argument `n` to be 1 … {TABLE_BITS} bits, but got {n}. Use boolean_sensitivity_sampled for more."
        )
    bits = torch.cartesian_prod(*[torch.tensor([False, True], device=device)] * n)
    return _presented(bits.view(-1, n), values, dtype)


def truth_table(
    network: nn.Module, n: int, values: Pair = (0.0, 1.0), dtype: torch.dtype | None = None, batch: int = 8192
) -> Tensor:
    """The predicted label of every input of ``n`` bits, counted up: shape ``[2^n]``, dtype int64; −1 if not finite.

    The field's standard sequence for :func:`lz_dcl`, which takes −1 for one more symbol: look for it first.

    Args:
        network: maps ``[B, n]`` to ``[B, C]``, see :func:`labels`; in eval mode, on its own device, left as it was.
        n: number of bits, as for :func:`boolean_inputs`, which says what is raised.
        values: the numbers that stand for the bits 0 and 1.
        dtype: of the inputs; that of the network's first floating-point parameter unless given.
        batch: how many inputs are evaluated at once.

    Example:
        >>> network = nn.Linear(2, 1)
        >>> network.weight.data, network.bias.data = torch.ones(1, 2), torch.tensor([-1.5])
        >>> truth_table(network, 2)
        tensor([0, 0, 0, 1])
    """
    like = _first_weight(network)
    return labels(outputs_of(network, boolean_inputs(n, values, dtype or like.dtype, like.device), batch))


def boolean_sensitivity(table: Table, *, normalised: bool = False) -> Estimate:
    """The mean number of bits whose flip changes the label, ``Σ_i P[f(x) ≠ f(x⊕e_i)]``: from 0 to ``n``.

    The total influence, or average sensitivity (§2.3): on average ``n/2`` for a random function; ``n`` for parity.

    Args:
        table: ``2^n`` labels, n ≥ 1, of any classes: a list, an array or a tensor of integers or Booleans.
        normalised: divide by ``n``, as some papers do: the probability that flipping a random bit changes the label.

    Returns:
        An exact mean, so without a standard error; ``per_input`` the sensitivity of each input. NaN with a label −1.

    Raises:
        TypeError: if the labels are not integers or Booleans.
        ValueError: if there are not ``2^n`` labels on one axis.

    Example:
        >>> estimate = boolean_sensitivity([0, 0, 0, 1])  # AND: no flip of 00 matters, one of 01 or 10, both of 11
        >>> estimate.value, estimate.per_input.tolist()
        (1.0, [0.0, 1.0, 1.0, 2.0])
    """
    known = _checked(table)
    mean = _mean_sensitivity(known, _neighbours(known), normalised)
    return Estimate(mean.value, None, mean.n, mean.per_input, mean.reason)


def boolean_sensitivity_sampled(
    network: nn.Module,
    n: int,
    samples: int,
    generator: torch.Generator,
    values: Pair = (0.0, 1.0),
    dtype: torch.dtype | None = None,
    batch: int = 8192,
    *,
    normalised: bool = False,
) -> Estimate:
    """The :func:`boolean_sensitivity` of a network of any number ``n`` of bits, estimated from random inputs.

    All bits of each of ``samples`` inputs, drawn uniformly by ``generator``, are flipped in turn: ``(n + 1) · samples``
    evaluations. For the other arguments see :func:`truth_table`.

    Returns:
        The mean with its standard error, clustered on inputs; ``per_input`` the sensitivity of each. NaN where an
        output is not finite. A standard error of 0 says only that the inputs drawn do not differ.

    Raises:
        ValueError: if ``n`` or ``samples`` is below 1.

    Example:
        >>> first = nn.Linear(50, 1, bias=False)
        >>> first.weight.data = torch.eye(1, 50)
        >>> boolean_sensitivity_sampled(first, 50, samples=10, generator=torch.Generator()).value
        1.0
    """
    if n < 1 or samples < 1:
        raise ValueError(f"Expected arguments `n` and `samples` to be at least 1, but got {n} and {samples}.")
    like = _first_weight(network)
    drawn = torch.randint(2, (samples, n), generator=generator, device=generator.device, dtype=torch.uint8)
    bits = drawn.to(like.device, torch.bool)
    flips = torch.eye(n + 1, dtype=torch.bool, device=like.device)[:, 1:]  # none, and then each bit alone
    table, *neighbours = (
        labels(outputs_of(network, _presented(bits ^ flip, values, dtype or like.dtype), batch)) for flip in flips
    )
    return _mean_sensitivity(table, torch.stack(neighbours), normalised)


def influences(table: Table) -> Tensor:
    """The influence ``P[f(x) ≠ f(x⊕e_i)]`` of each bit (§2.2), the most significant first: shape ``[n]``, float64.

    They add up to the :func:`boolean_sensitivity`, which says what is accepted. All NaN with a label −1.

    Example:
        >>> influences([0, 0, 1, 1])
        tensor([1., 0.], dtype=torch.float64)
    """
    known = _checked(table)
    return (_neighbours(known) != known).double().mean(dim=1).masked_fill((known == NOT_FINITE).any(), torch.nan)


def fourier_coefficients(table: Table) -> Tensor:
    """The Fourier (Walsh–Hadamard) coefficients of ``(−1)^f`` (§1.2), normalised: shape ``[2^n]``, dtype float64.

    ``f̂(S) = 2^-n Σ_x (−1)^(f(x) + Σ_{i∈S} x_i)``, by the fast transform. The index of ``S`` is that of the input with
    ones in ``S``: for n = 3, ``{x_1}`` is 100₂ = 4. The squares add up to 1. All NaN with a label −1.

    Raises:
        ValueError: if a label is not 0 or 1, and as :func:`boolean_sensitivity`.

    Example:
        >>> fourier_coefficients([0, 0, 0, 1]).tolist()  # of ∅, {x_2}, {x_1}, {x_1, x_2}
        [0.5, 0.5, 0.5, -0.5]
    """
    known = _checked(table)
    strange = known[(known < NOT_FINITE) | (known > 1)]
    if len(strange):
        raise ValueError(
            f"Expected argument `table` to hold 0 and 1, but got {int(strange[0])}. Give one class: `table == label`."
        )
    signs = (1.0 - 2.0 * known.double()).masked_fill((known == NOT_FINITE).any(), torch.nan)
    for place in range(len(known).bit_length() - 1):
        zero, one = signs.view(1 << place, 2, -1).unbind(dim=1)
        signs = torch.stack((zero + one, zero - one), dim=1)
    return signs.flatten() / len(known)


def fourier_weights(table: Table) -> Tensor:
    """The Fourier weight at each degree, ``W^k = Σ_{|S|=k} f̂(S)²`` (§1.4), k = 0 … n: shape ``[n + 1]``, float64.

    They add up to 1, and ``Σ_k k·W^k`` is the :func:`boolean_sensitivity`. See :func:`fourier_coefficients`.

    Example:
        >>> fourier_weights([0, 0, 0, 1]).tolist()
        [0.25, 0.5, 0.25]
    """
    squares = fourier_coefficients(table).square()
    degrees = torch.zeros(1, dtype=torch.int64, device=squares.device)
    while len(degrees) < len(squares):  # the upper half of the indices has one bit more
        degrees = torch.cat((degrees, degrees + 1))
    return squares.new_zeros(int(degrees[-1]) + 1).index_add(0, degrees, squares)


def noise_stability(table: Table, rho: float) -> Estimate:
    """The mean of ``(−1)^(f(x) + f(y))`` over ρ-correlated pairs, ``Stab_ρ = Σ_k ρ^k W^k`` (§2.4): −1 to 1.

    ``y`` is a uniform ``x`` with each bit flipped with probability δ = (1 − ρ)/2: the noise sensitivity P[f(x) ≠ f(y)]
    is ``NS_δ = (1 − Stab_ρ)/2``. An exact value, so without a standard error; NaN with a label −1.

    Raises:
        ValueError: if ``rho`` is not from −1 to 1, and as :func:`fourier_coefficients`.

    Example:
        >>> noise_stability([0, 0, 0, 1], rho=0.5).value  # 0.25 + 0.5 · 0.5 + 0.25 · 0.25
        0.5625
    """
    if not -1 <= rho <= 1:
        raise ValueError(f"Expected argument `rho` to be a number from −1 to 1, but got {rho}.")
    weights = fourier_weights(table)
    stability = float(weights @ rho ** torch.arange(len(weights), dtype=weights.dtype, device=weights.device))
    return Estimate(stability, n=1 << (len(weights) - 1), reason=_REASON if math.isnan(stability) else None)


def _checked(table: Table) -> Tensor:
    """The labels, shape ``[2^n]``, dtype int64."""
    known = table.detach() if isinstance(table, Tensor) else np.asarray(table)
    if known.ndim != 1 or len(known) < 2 or len(known).bit_count() > 1:
        raise ValueError(
            f"Expected argument `table` to hold 2^n labels on one axis, n ≥ 1, but got shape {list(known.shape)}."
        )
    if isinstance(known, np.ndarray) and known.dtype.kind in "biu":
        known = torch.from_numpy(known.astype(np.int64))
    if not isinstance(known, Tensor) or known.is_floating_point() or known.is_complex():
        raise TypeError(f"Expected argument `table` to hold integers or Booleans, but got dtype {known.dtype}.")
    return known.long()


def _neighbours(table: Tensor) -> Tensor:
    """The labels ``f(x⊕e_i)``, shape ``[n, 2^n]``."""
    bits = len(table).bit_length() - 1
    return torch.stack([table.reshape(1 << place, 2, -1).flip(1).flatten() for place in range(bits)])


def _mean_sensitivity(table: Tensor, neighbours: Tensor, normalised: bool) -> Estimate:
    if bool((table == NOT_FINITE).any() | (neighbours == NOT_FINITE).any()):
        return undefined(_REASON, len(table))
    changed = (neighbours != table).sum(dim=0).double()
    return mean_over_inputs(changed / len(neighbours) if normalised else changed)


def _first_weight(network: nn.Module) -> Tensor:
    """A tensor of the dtype and on the device that the network's inputs should have."""
    return next((weight for weight in network.parameters() if weight.is_floating_point()), torch.empty(0))


def _presented(bits: Tensor, values: Pair, dtype: torch.dtype) -> Tensor:
    zero, one = (torch.tensor(value, dtype=dtype, device=bits.device) for value in values)
    if bool(zero == one) or not bool(zero.isfinite() & one.isfinite()):
        raise ValueError(f"Expected argument `values` to be two different numbers of {dtype}, but got {values}.")
    return torch.where(bits, one, zero)
