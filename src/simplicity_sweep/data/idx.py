"""The IDX format of the MNIST family: a short header, then unsigned bytes."""

import math

import numpy as np
from numpy.typing import NDArray

from simplicity_sweep.data.errors import DataError

_UNSIGNED_BYTE = 0x08


def parse_idx(content: bytes, name: str) -> NDArray[np.uint8]:
    """The array that the bytes of one IDX file hold, read-only and without a copy.

    An IDX file is two zero bytes, a byte for the type (0x08, unsigned byte, is the only one the MNIST
    family uses), a byte for the number of axes, each axis' length as a big-endian 32-bit integer, then the
    values with the last axis running fastest. Source: Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST
    database".

    Args:
        content: The whole file, not compressed.
        name: What an error message calls the file.

    Raises:
        DataError: the header is not that of unsigned bytes, or the length is not what the header promises.

    Example: one axis of three values.
        >>> parse_idx(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 0, 9]), "labels")
        array([7, 0, 9], dtype=uint8)
    """
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != _UNSIGNED_BYTE or content[3] == 0:
        raise DataError(
            f"{name} is no IDX file of unsigned bytes: expected it to begin with 00 00 08 and the number of "
            f"axes, but got {content[:4].hex(' ') or 'an empty file'}."
        )
    start = 4 + 4 * content[3]
    shape = tuple(int.from_bytes(content[i : i + 4], "big") for i in range(4, start, 4))
    expected = start + math.prod(shape)
    if len(content) != expected:
        raise DataError(
            f"{name} is {'truncated' if len(content) < expected else 'too long'}: expected {expected} bytes "
            f"for the shape {shape} of its header, but got {len(content)}."
        )
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)
