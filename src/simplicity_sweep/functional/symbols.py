"""Whatever a user calls a sequence, as small whole numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Symbols = str | bytes | bytearray | Sequence[Any] | npt.NDArray[Any] | Tensor
"""What the sequence measurements accept: text, bytes, lists, NumPy arrays and tensors."""

Codes = npt.NDArray[Any]
"""Codes of symbols, dtype uint8 or int64."""

_NARROW = 256  # codes that fit 8 bits
_TABLE = 1 << 16  # spread of whole numbers up to which a table ranks them faster than sorting does


def codes_of(sequence: Symbols) -> tuple[Codes, int]:
    """The sequence as whole numbers, shape ``[n]``, in ``0 … bound-1``, and that bound.

    Equal symbols get equal codes and different symbols different ones; nothing else about a symbol matters. The
    bound is the number of distinct symbols, or at most 256 where there are fewer.

    Args:
        sequence: a ``str``, ``bytes``, a list or tuple of integers or strings, a one-dimensional array or
            tensor of any integer or Boolean dtype (on any device; it is copied to the CPU), or an array of
            strings.

    Raises:
        TypeError: for floating-point symbols, or objects that have no unambiguous equality.
        ValueError: if an array or tensor is not one-dimensional.

    Example:
        >>> codes_of(np.array([7, 9, 7]))
        (array([0, 2, 0], dtype=uint8), 3)
    """
    array = _array_of(sequence)
    if array.ndim != 1:
        raise ValueError(
            f"Expected argument `sequence` to have one axis, but got shape {list(array.shape)}. Use lz76_batch "
            "for a batch of sequences, or flatten it in an order of your choice."
        )
    if array.size == 0:
        return np.zeros(0, np.uint8), 0
    if array.dtype.kind in "iu":
        low, high = int(array.min()), int(array.max())
        if high - low < _TABLE:
            return _ranked(_shifted(array, low), high - low + 1)
    distinct, codes = np.unique(array, return_inverse=True)
    return codes.astype(np.uint8 if distinct.size <= _NARROW else np.int64), distinct.size


def _shifted(array: npt.NDArray[Any], low: int) -> npt.NDArray[Any]:
    """The symbols less the smallest, in a dtype that holds them."""
    if low == 0 and array.dtype == np.uint8:
        return array
    # A uint64 is shifted before it is converted, every other type after: neither can overflow.
    return array - np.uint64(low) if array.dtype == np.uint64 else array.astype(np.int64) - low


def _ranked(offset: npt.NDArray[Any], spread: int) -> tuple[Codes, int]:
    """Codes from symbols in ``0 … spread-1``, closing the gaps between them where they do not fit 8 bits."""
    if spread <= _NARROW:
        return offset.astype(np.uint8, copy=False), spread
    present = np.zeros(spread, np.bool_)
    present[offset] = True
    ranks = np.cumsum(present) - 1
    return ranks[offset], int(ranks[-1]) + 1


def _array_of(sequence: Symbols) -> npt.NDArray[Any]:
    """The sequence as an array whose elements compare equal exactly where the symbols do."""
    if isinstance(sequence, str):
        return np.frombuffer(sequence.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    if isinstance(sequence, (bytes, bytearray, memoryview)):
        return np.frombuffer(sequence, dtype=np.uint8)
    if isinstance(sequence, Tensor):
        sequence = sequence.detach().cpu().numpy()
    if isinstance(sequence, np.ndarray):
        if sequence.dtype.kind not in "biuSU":
            raise _not_symbols(f"dtype {sequence.dtype}")
        return sequence.view(np.uint8) if sequence.dtype.kind == "b" else sequence
    if isinstance(sequence, (list, tuple, range)):
        return _coded_list(sequence)
    raise _not_symbols(type(sequence).__name__)


def _coded_list(items: Sequence[Any]) -> npt.NDArray[np.int64]:
    # A dictionary, because NumPy would make the number 1 and the text "1" one symbol, and refuse large
    # integers.
    codes: dict[Any, int] = {}
    for item in items:
        if not isinstance(item, (int, str, bytes, np.integer, np.bool_)):
            raise _not_symbols(f"an element of type {type(item).__name__}")
    return np.fromiter((codes.setdefault(item, len(codes)) for item in items), np.int64, len(items))


def _not_symbols(received: str) -> TypeError:
    return TypeError(
        f"Expected argument `sequence` to hold symbols (integers, Booleans or text), but got {received}. "
        "Encode real numbers first, for example with labels(outputs) or binarised(outputs)."
    )


def rows_of(sequences: Tensor | npt.NDArray[Any] | Sequence[Sequence[int]]) -> Tensor:
    """The sequences as a tensor of shape ``[R, n]`` on their own device, dtype uint8 or int64.

    Equal symbols are equal numbers and different symbols different ones, as in the sequences themselves.

    Args:
        sequences: shape ``[R, n]``, any integer or Boolean dtype.

    Raises:
        TypeError: for floating-point symbols.
        ValueError: if there are not two axes.

    Example:
        >>> rows_of([[700, 701], [701, 701]])
        tensor([[700, 701],
                [701, 701]])
    """
    tensor = sequences.detach() if isinstance(sequences, Tensor) else torch.as_tensor(np.asarray(sequences))
    if tensor.is_floating_point() or tensor.is_complex():
        raise _not_symbols(str(tensor.dtype))
    if tensor.dim() != 2:
        raise ValueError(
            f"Expected argument `sequences` to have shape [R, n], but got {list(tensor.shape)}. Use lz76 for "
            "one sequence."
        )
    if tensor.dtype == torch.bool:
        return tensor.to(torch.uint8)
    # The bits of a uint64 read as int64 are another name for the same symbol.
    return tensor if tensor.dtype == torch.uint8 else tensor.to(torch.int64)


def row_codes(rows: Tensor) -> tuple[Tensor, int]:
    """The rows as codes ``0 … bound-1`` of dtype uint8 or int64, and that bound: at most 256, or exact.

    Args:
        rows: at least one symbol, from :func:`rows_of`.

    Example:
        >>> row_codes(torch.tensor([[700, 701], [701, 701]]))
        (tensor([[0, 1],
                [1, 1]], dtype=torch.uint8), 2)
    """
    low, high = (int(bound) for bound in rows.aminmax())
    if high - low < _NARROW:
        return (rows - low).to(torch.uint8), high - low + 1
    distinct, codes = torch.unique(rows, return_inverse=True)
    return codes, distinct.numel()
