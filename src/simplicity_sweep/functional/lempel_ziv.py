"""Lempel–Ziv complexities of a sequence of symbols."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from simplicity_sweep.functional import lempel_ziv_portable as portable
from simplicity_sweep.functional.symbols import Symbols, batch_of, codes_of

_LONG_ROW = 2048  # symbols from which a row is parsed faster alone than beside its neighbours
_WIDE = 256  # distinct symbols from which the compiled automaton would take too much memory


@cache
def _kernels() -> ModuleType | None:
    """The compiled parses, or ``None`` where numba is missing; imported when they are first needed."""
    try:
        return import_module("simplicity_sweep.functional.lempel_ziv_kernels")
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
    codes, distinct = codes_of(sequence)
    kernels = _kernels()
    if kernels is None or distinct > _WIDE:
        return portable.lz76_one(codes)
    return int(kernels.lz76_one(codes, distinct))


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
    codes, distinct = batch_of(sequences)
    kernels = _kernels()
    if codes.numel() == 0 or codes.device.type != "cpu" or kernels is None:
        return portable.lz76_rows(codes, distinct)
    if distinct > _WIDE or codes.shape[1] >= _LONG_ROW:
        return torch.tensor([lz76(row) for row in codes])
    counts = np.empty(codes.shape[0], np.int64)
    kernels.lz76_rows(codes.contiguous().numpy(), max(1, (distinct - 1).bit_length()), counts)
    return torch.from_numpy(counts)


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
    codes, distinct = codes_of(sequence)
    kernels = _kernels()
    if kernels is None or distinct > _WIDE:
        return portable.lz78_one(codes)
    return int(kernels.lz78_one(codes, distinct))


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
    codes, distinct = codes_of(sequence)
    if codes.size < 2:
        return 0.0
    if distinct == 1:
        return math.log2(codes.size)
    return math.log2(codes.size) * (lz76(codes) + lz76(codes[::-1])) / 2
