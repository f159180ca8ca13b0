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

Codes = npt.NDArray[np.int64]

_LOOK_UP = 1 << 16  # spread of integer symbols up to which a table ranks them faster than sorting does


def codes_of(sequence: Symbols) -> tuple[Codes, int]:
    """The sequence as codes ``0 … k-1``, shape ``[n]``, and ``k``, the number of distinct symbols in it.

    Equal symbols get equal codes and different symbols different ones; nothing else about a symbol matters.

    Args:
        sequence: a ``str``, ``bytes``, a list or tuple of integers or strings, a one-dimensional array or
            tensor of any integer or Boolean dtype (on any device; it is copied to the CPU), or an array of
            strings.

    Raises:
        TypeError: for floating-point symbols, or objects that have no unambiguous equality.
        ValueError: if an array or tensor is not one-dimensional.

    Example:
        >>> codes_of("banana")
        (array([1, 0, 2, 0, 2, 0]), 3)
    """
    array = _array_of(sequence)
    if array.ndim != 1:
        raise ValueError(
            f"Expected argument `sequence` to have one axis, but got shape {list(array.shape)}. Use "
            "lz76_batch for a batch of sequences, or flatten it in an order of your choice."
        )
    if array.size == 0:
        return np.zeros(0, np.int64), 0
    if array.dtype.kind == "b":
        array = array.view(np.uint8)
    if array.dtype.kind in "iu":
        low, high = int(array.min()), int(array.max())
        if high - low < _LOOK_UP:
            # A uint64 is shifted before it is converted, every other type after: neither can overflow.
            offset = array - np.uint64(low) if array.dtype == np.uint64 else array.astype(np.int64) - low
            return _ranked(offset.astype(np.int64, copy=False), high - low + 1)
    distinct, codes = np.unique(array, return_inverse=True)
    return codes.astype(np.int64, copy=False).reshape(-1), distinct.size


def _ranked(offset: Codes, spread: int) -> tuple[Codes, int]:
    """Codes from symbols in ``0 … spread-1``, closing the gaps between the symbols that do occur."""
    present = np.zeros(spread, np.bool_)
    present[offset] = True
    distinct = int(np.count_nonzero(present))
    if distinct == spread:
        return offset, spread
    return (np.cumsum(present) - 1)[offset], distinct


def _array_of(sequence: Symbols) -> npt.NDArray[Any]:
    """The sequence as an array whose elements compare equal exactly where the symbols do."""
    if isinstance(sequence, str):
        return np.frombuffer(sequence.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    if isinstance(sequence, (bytes, bytearray, memoryview)):
        return np.frombuffer(sequence, dtype=np.uint8)
    if isinstance(sequence, Tensor):
        if sequence.is_floating_point() or sequence.is_complex():
            raise _not_symbols(str(sequence.dtype))
        return sequence.detach().cpu().numpy()
    if isinstance(sequence, np.ndarray):
        if sequence.dtype.kind not in "biuSU":
            raise _not_symbols(f"dtype {sequence.dtype}")
        return sequence
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


def batch_of(sequences: Tensor | npt.NDArray[Any] | Sequence[Sequence[int]]) -> tuple[Tensor, int]:
    """The sequences as codes ``0 … k-1``, shape ``[R, n]``, on their own device, and an upper bound ``k``.

    The codes have dtype ``uint8`` where 256 suffice and ``int64`` otherwise.

    Args:
        sequences: shape ``[R, n]``, any integer or Boolean dtype.

    Raises:
        TypeError: for floating-point symbols.
        ValueError: if there are not two axes.

    Example:
        >>> batch_of(torch.tensor([[700, 701], [701, 701]]))
        (tensor([[0, 1],
                [1, 1]], dtype=torch.uint8), 2)
    """
    tensor = sequences.detach() if isinstance(sequences, Tensor) else torch.as_tensor(np.asarray(sequences))
    if tensor.is_floating_point() or tensor.is_complex():
        raise _not_symbols(str(tensor.dtype))
    if tensor.dim() != 2:
        raise ValueError(
            f"Expected argument `sequences` to have shape [R, n], but got {list(tensor.shape)}. Use lz76 "
            "for one sequence."
        )
    if tensor.numel() == 0:
        return tensor.to(torch.uint8), 0
    tensor = _signed(tensor)
    low, high = (int(bound) for bound in tensor.aminmax())
    if high - low < 256:
        shifted = tensor if low == 0 else tensor - low
        return shifted.to(torch.uint8), high - low + 1
    distinct, codes = torch.unique(tensor, return_inverse=True)
    return (codes.to(torch.uint8) if distinct.numel() <= 256 else codes), distinct.numel()


def _signed(tensor: Tensor) -> Tensor:
    """The same symbols in a dtype that torch can compare on every device."""
    if tensor.dtype == torch.bool:
        return tensor.to(torch.uint8)
    if tensor.dtype in (torch.uint16, torch.uint32):
        return tensor.to(torch.int64)
    # The bits of a uint64 read as int64 are another name for the same symbol.
    return tensor.view(torch.int64) if tensor.dtype == torch.uint64 else tensor
