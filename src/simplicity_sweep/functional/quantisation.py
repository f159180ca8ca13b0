"""From outputs that are numbers to symbols: which bin each one lies in."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from simplicity_sweep.functional.encoding import NOT_FINITE

Edges = Sequence[Sequence[float]]
"""For each output the edges of its bins, rising."""

_EXACT = 2**62
_MULTIPLIER = 6364136223846793005  # Knuth's, of a generator modulo 2^64
_LARGEST = 2**63 - 1


def quantised(outputs: Tensor, edges: Edges) -> Tensor:
    """The symbol of each output vector, shape ``[...]``, dtype int64: which bin each of its numbers lies in.

    Number j lies in bin b where b of its edges are below it (an edge itself belongs to the bin below). The symbol is
    ``Σⱼ bⱼ · ∏ᵢ₍ᵢ<ⱼ₎ Bᵢ`` with ``Bᵢ`` the number of bins of output i: different bins, different symbols. Where there
    are more than 2⁶² combinations it is a hash of 63 bits instead, under which two of them are the same with a
    probability of about 10⁻¹⁹. An output that is not finite has no bin: the symbol is −1.

    Args:
        outputs: shape ``[..., k]``.
        edges: for each of the k outputs, the edges of its bins.

    Raises:
        ValueError: if the outputs are not as many as lists of edges.

    Example:
        Bins below 0, from 0 to 1, above 1; then a second number with bins below and above 0.

        >>> quantised(torch.tensor([[-1.0], [0.0], [0.5], [2.0], [float("nan")]]), [[0.0, 1.0]])
        tensor([ 0,  0,  1,  2, -1])
        >>> quantised(torch.tensor([[0.5, -1.0], [0.5, 1.0]]), [[0.0, 1.0], [0.0]])
        tensor([1, 4])
    """
    if outputs.dim() == 0 or outputs.shape[-1] != len(edges):
        raise ValueError(
            f"Expected argument `outputs` to have shape [..., {len(edges)}], a number for each list of edges, but got "
            f"{list(outputs.shape)}."
        )
    symbols = torch.zeros(outputs.shape[:-1], dtype=torch.int64, device=outputs.device)
    for weight, cuts, numbers in zip(_weights(edges), edges, outputs.unbind(-1), strict=True):
        bounds = torch.tensor(cuts, dtype=outputs.dtype, device=outputs.device)
        symbols += weight * torch.bucketize(numbers.contiguous(), bounds)
    return (symbols & _LARGEST).masked_fill(~outputs.isfinite().all(dim=-1), NOT_FINITE)


def quantile_edges(targets: Tensor, bins: int) -> tuple[tuple[float, ...], ...]:
    """For each target the edges that cut its values into bins of equal count; equal edges are one.

    Args:
        targets: shape ``[n, k]``, those of the training part, so that the edges depend on no network.
        bins: how many, at least 2.

    Raises:
        ValueError: if there are not two axes, no value, or ``bins`` is below 2.

    Example:
        >>> quantile_edges(torch.tensor([[1.0], [2.0], [3.0], [4.0], [5.0]]), bins=4)
        ((2.0, 3.0, 4.0),)
        >>> quantile_edges(torch.tensor([[0.0], [0.0], [0.0], [1.0]]), bins=4)
        ((0.0, 0.25),)
    """
    if targets.dim() != 2 or len(targets) == 0:
        raise ValueError(f"Expected argument `targets` to have shape [n, k] with n ≥ 1, but got {list(targets.shape)}.")
    if bins < 2:
        raise ValueError(f"Expected argument `bins` to be at least 2, but got {bins}.")
    shares = torch.arange(1, bins, dtype=torch.float64, device=targets.device) / bins
    columns = torch.quantile(targets.double(), shares, dim=0).t().tolist()
    return tuple(tuple(dict.fromkeys(column)) for column in columns)


def _weights(edges: Edges) -> list[int]:
    """What one bin more of each output adds to the symbol."""
    weights, combinations = [], 1
    for cuts in edges:
        weights.append(combinations)
        combinations *= len(cuts) + 1
    if combinations <= _EXACT:
        return weights
    hashed, power = [], 1
    for _ in edges:
        hashed.append(power - 2**64 if power >= 2**63 else power)  # as int64, in which products wrap around
        power = power * _MULTIPLIER % 2**64
    return hashed
