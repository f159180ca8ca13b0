"""Lempel–Ziv complexities of a sequence of symbols."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from simplicity_sweep.functional import lempel_ziv_portable as portable
from simplicity_sweep.functional.estimate import Estimate, mean_over_inputs, undefined
from simplicity_sweep.functional.symbols import Codes, Symbols, codes_of, rows_of

_LONG_ROW = 2048  # symbols from which a row is parsed faster alone than beside its neighbours
_SHARE = 1 << 18  # symbols that are worth handing to a thread


@cache
def _kernel(name: str) -> ModuleType | None:
    """A module of compiled parses, or ``None`` where numba is missing; imported when it is first needed."""
    try:
        return import_module(f"simplicity_sweep.functional.kernels.{name}")
    except ImportError:
        return None


def lz76(sequence: Symbols) -> int:
    """The number of components of the exhaustive history of a sequence (Lempel and Ziv 1976).

    From position ``l`` the next component is the shortest ``s[l:h]`` that does not occur in ``s[:h-1]`` (the
    earlier occurrence may overlap it); a last, incomplete component counts. Relabelling the alphabet changes
    nothing; reversing the sequence may.

    Args:
        sequence: ``n`` symbols of any alphabet: text, bytes, a list of integers or strings, or a
            one-dimensional array or tensor of integers or Booleans.

    Raises:
        TypeError: if the symbols are floating-point numbers.
        ValueError: if there is more than one axis.

    References:
        A. Lempel, J. Ziv, On the complexity of finite sequences, IEEE Trans. Inf. Theory 22 (1976) 75–81;
        F. Kaspar, H. G. Schuster, Phys. Rev. A 36 (1987) 842–848, the source of the example.

    Example:
        The parse is 0 · 001 · 10 · 100 · 1000 · 101.

        >>> lz76("0001101001000101")
        6
        >>> lz76([7, 7, 7, 7]), lz76(b""), lz76(torch.tensor([True]))
        (2, 0, 1)
    """
    return _components(*codes_of(sequence))


def _components(codes: Codes, bound: int) -> int:
    index, suffixes = _kernel("index"), _kernel("suffix_array")
    if index is None or suffixes is None or codes.size == 0:
        return portable.lz76_one(codes)
    components: int | None = index.lz76_indexed(codes, bound)
    return int(suffixes.lz76_sorted(codes, bound)) if components is None else components


def lz76_batch(sequences: Tensor | npt.NDArray[Any] | Sequence[Sequence[int]]) -> Tensor:
    """The :func:`lz76` of every row, shape ``[R]``, dtype int64, on the device of ``sequences``.

    Args:
        sequences: shape ``[R, n]``, ``R`` sequences of ``n`` symbols each, any integer or Boolean dtype. A
            CUDA tensor is parsed on its GPU.

    Raises:
        TypeError: if the symbols are floating-point numbers.
        ValueError: if there are not two axes.

    Example:
        >>> lz76_batch(torch.tensor([[0, 1, 0, 1, 0], [3, 3, 3, 3, 3], [0, 1, 2, 3, 4]]))
        tensor([3, 2, 5])
    """
    rows = rows_of(sequences)
    kernel = _kernel("rows")
    if kernel is None or rows.device.type != "cpu" or rows.numel() == 0:
        return portable.lz76_rows(rows)
    if rows.shape[1] >= _LONG_ROW:
        return torch.tensor([lz76(row) for row in rows])
    counts = torch.empty(len(rows), dtype=torch.int64)
    share = -(-_SHARE // (rows.shape[1] * kernel.LANES)) * kernel.LANES
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        list(pool.map(kernel.lz76_rows, _parts(rows, share), _parts(counts, share)))
    for row in (counts == kernel.WIDE).nonzero().flatten().tolist():
        counts[row] = lz76(rows[row])
    return counts


def _parts(tensor: Tensor, size: int) -> list[npt.NDArray[Any]]:
    return [part.numpy() for part in torch.split(tensor.contiguous(), size)]


def lz78(sequence: Symbols) -> int:
    """The number of phrases of the incremental parse (Ziv and Lempel 1978), the last one included.

    Each phrase is the shortest one that has not been a phrase yet. Some packages leave an incomplete last
    phrase out.

    Args:
        sequence: as for :func:`lz76`.

    Example:
        The parse is a · b · r · ac · ad · ab · ra.

        >>> lz78("abracadabra")
        7
    """
    phrases: dict[tuple[int, int], int] = {}
    phrase = 0  # the empty one
    for symbol in codes_of(sequence)[0].tolist():
        longer = phrases.get((phrase, symbol))
        if longer is None:
            phrases[phrase, symbol] = len(phrases) + 1
        phrase = longer or 0
    return len(phrases) + (1 if phrase else 0)


def lz_dcl(sequence: Symbols) -> float:
    """The complexity of Dingle, Camargo and Louis, in bits; symmetric under reversal.

    ``log2(n)`` for a constant sequence, else ``log2(n) · (lz76(s) + lz76(reversed s)) / 2``; 0 for ``n``
    below 2.

    Args:
        sequence: as for :func:`lz76`.

    References:
        K. Dingle, C. Q. Camargo, A. A. Louis, Input–output maps are strongly biased towards simple outputs,
        Nature Communications 9 (2018) 761.

    Example:
        >>> lz_dcl("0" * 16), lz_dcl("01" * 8)
        (4.0, 12.0)
    """
    codes, bound = codes_of(sequence)
    if codes.size < 2:
        return 0.0
    if bool((codes == codes[0]).all()):
        return math.log2(codes.size)
    return math.log2(codes.size) * (_components(codes, bound) + _components(codes[::-1].copy(), bound)) / 2


def lz76_rate(sequence: Symbols, alphabet: int) -> float:
    """The :func:`lz76` in units of a long random sequence's, ``lz76 · log_σ(n) / n``; NaN for ``n`` below 2.

    Tends to the entropy rate in units of ``log2 σ`` bits, from above: a random binary sequence has 1.38 at n = 20,
    1.16 at 128, 1.06 at 1e3, 1.03 at 1e4 and 1.013 at 1e6. Compare rates at equal ``n`` only.

    Args:
        sequence: as for :func:`lz76`.
        alphabet: the number σ of symbols that can occur; it is declared, because those that do occur mislead.

    Raises:
        ValueError: if ``alphabet`` is below 2 or below the number of symbols that do occur.

    Example:
        Of four binary symbols, 2 components: 2 · log2(4) / 4.

        >>> lz76_rate("0000", alphabet=2)
        1.0
    """
    codes, bound = codes_of(sequence)
    occurring = np.unique(codes).size
    if alphabet < max(2, occurring):
        raise ValueError(
            f"Expected argument `alphabet` to be at least {max(2, occurring)}, the symbols that can occur, but got "
            f"{alphabet}."
        )
    n = codes.size
    return _components(codes, bound) * math.log(n, alphabet) / n if n > 1 else math.nan


def lz76_relative(sequence: Symbols, shuffles: int, generator: torch.Generator) -> Estimate:
    """The :func:`lz76` over its mean for shuffles of the same symbols: 1 for a sequence without order.

    Args:
        sequence: as for :func:`lz76`.
        shuffles: number of shuffles.
        generator: where the permutations come from.

    Returns:
        The ratio; its standard error is that of the shuffles' mean (delta method), and ``n`` their number.
        NaN for an empty sequence.

    Raises:
        ValueError: if there are fewer than 2 shuffles.

    Example:
        >>> lz76_relative("0" * 50, shuffles=10, generator=torch.Generator()).value
        1.0
    """
    if shuffles < 2:
        raise ValueError(f"Expected argument `shuffles` to be at least 2, but got {shuffles}.")
    codes, bound = codes_of(sequence)
    if codes.size == 0:
        return undefined("an empty sequence")
    orders = torch.stack(
        [torch.randperm(codes.size, generator=generator, device=generator.device) for _ in range(shuffles)]
    ).cpu()
    shuffled = mean_over_inputs(lz76_batch(torch.from_numpy(codes.copy())[orders]))
    ratio = _components(codes, bound) / shuffled.value
    error = ratio * (shuffled.standard_error or 0.0) / shuffled.value
    return Estimate(ratio, error, shuffles)
