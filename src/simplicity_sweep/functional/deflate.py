"""The length of a DEFLATE stream, the complexity that a general-purpose compressor sees."""

from __future__ import annotations

import zlib

import torch
from torch import Tensor

GUAN_LEVEL = 6
"""The compression level of the source paper's measure: zlib's default."""


def deflate(data: bytes | bytearray | memoryview | Tensor, *, level: int = 9) -> int:
    """The length in bytes of the zlib stream (RFC 1950, 32 KiB window) of some data.

    The level, the dtype, the byte order and the packing of the symbols are part of the measure: state them.
    The 2-byte header and the 4-byte checksum of the stream are counted.

    Args:
        data: bytes, or a tensor, which is taken as :func:`raw_bytes`.
        level: zlib's compression level, 0 … 9.

    Raises:
        ValueError: if ``level`` is out of range.

    Example:
        >>> deflate(b""), deflate(bytes(10_000)), deflate(b"banana")
        (8, 33, 12)
    """
    if level not in range(10):
        raise ValueError(f"Expected argument `level` to be a whole number from 0 to 9, but got {level!r}.")
    return len(zlib.compress(raw_bytes(data) if isinstance(data, Tensor) else data, level))


def raw_bytes(tensor: Tensor) -> bytes:
    """The numbers of a tensor in memory order: row-major, little-endian, in the tensor's own dtype.

    Example:
        >>> raw_bytes(torch.tensor([[1, 2], [3, 256]], dtype=torch.int16))
        b'\\x01\\x00\\x02\\x00\\x03\\x00\\x00\\x01'
    """
    array = tensor.detach().cpu().contiguous().numpy()
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def guan_bytes(logits: Tensor) -> bytes:
    """The encoding of the source paper: raw little-endian float32 logits, row-major.

    Args:
        logits: shape ``[n, C]``.

    Example:
        >>> len(guan_bytes(torch.zeros(3, 10)))
        120
    """
    return raw_bytes(logits.to(torch.float32))
