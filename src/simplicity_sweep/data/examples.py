"""Examples as they stand in the user's files: not standardised yet, and each with a name for messages."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from simplicity_sweep.data.errors import DataError

Duplicates = Literal["error", "drop", "allow"]
"""What is done with an example that stands in more than one part."""

_NAMED = 3  # in a message


class Rows:
    """Some rows of an array, in an order of their own, which are fetched when they are asked for.

    The array may lie in a file and be larger than the memory.

    Args:
        array: `[n, ...]`.
        indices: which of its rows, `[m]`; by default all of them.

    Example:
        >>> rows = Rows(np.array([[1, 2], [3, 4], [5, 6]])).take(np.array([2, 0]))
        >>> rows.shape, rows[:1].tolist()
        ((2, 2), [[5, 6]])
    """

    def __init__(self, array: NDArray[Any], indices: NDArray[np.int64] | None = None) -> None:
        self._array = array
        self._indices = np.arange(len(array)) if indices is None else indices
        self.shape = (len(self._indices), *array.shape[1:])
        self.ndim = array.ndim
        self.size = math.prod(self.shape)

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, part: slice) -> NDArray[Any]:
        return self._array[self._indices[part]]

    def take(self, indices: NDArray[Any]) -> Rows:
        """The rows at `indices`, in that order, or those where a mask is true."""
        return Rows(self._array, self._indices[indices])


@dataclass(frozen=True, eq=False)
class Examples:
    """Some examples of one file or folder.

    Attributes:
        rows: `[n, ...]`, of an array or a table of pandas.
        labels: int64 `[n]`, from 0; or targets, float32 `[n, k]`.
        keys: uint64 `[n]`, equal for examples that are equal, label included.
        places: int64 `[n]`, where in its file each stands, from 0.
        call: what a message calls the example at a place.
    """

    rows: Any
    labels: NDArray[Any]
    keys: NDArray[np.uint64]
    places: NDArray[np.int64]
    call: Callable[[int], str]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: NDArray[Any]) -> Examples:
        """The examples at `indices`, in that order, or those where a mask is true."""
        rows = self.rows.take(indices) if isinstance(self.rows, Rows) else self.rows.iloc[indices]
        return replace(
            self, rows=rows, labels=self.labels[indices], keys=self.keys[indices], places=self.places[indices]
        )

    def name(self, index: int) -> str:
        """What a message calls the example at `index`."""
        return self.call(int(self.places[index]))


def keys_of(rows: NDArray[Any], labels: NDArray[np.int64]) -> NDArray[np.uint64]:
    """One number for each row and its label, `[n]`: the first 64 bits of BLAKE2b of their bytes.

    Example:
        >>> one, same, other = keys_of(np.array([[1, 2], [1, 2], [1, 2]]), np.array([0, 0, 1]))
        >>> bool(one == same), bool(one == other)
        (True, False)
    """
    pairs = zip(np.ascontiguousarray(rows), labels, strict=True)
    digests = (blake2b(row.tobytes() + label.tobytes(), digest_size=8).digest() for row, label in pairs)
    return np.frombuffer(b"".join(digests), dtype=np.uint64)


def without_repeats(whole: Examples, kept_elsewhere: Examples | None) -> tuple[Examples, int]:
    """The examples that are neither equal to an earlier one nor in a test part of its own, and how many were left
    out."""
    first = np.zeros(len(whole), dtype=bool)
    first[np.unique(whole.keys, return_index=True)[1]] = True
    if kept_elsewhere is not None:
        first &= ~np.isin(whole.keys, kept_elsewhere.keys)
    return whole.take(first), int((~first).sum())


def refuse_shared(parts: dict[str, Examples]) -> None:
    """Refuses an example that stands in two parts: what is learned by heart would count as known.

    Raises:
        DataError: names how many there are, and the first ones.
    """
    seen: dict[str, Examples] = {}
    for name, part in parts.items():
        for earlier_name, earlier in seen.items():
            shared = np.flatnonzero(np.isin(part.keys, earlier.keys))
            if len(shared):
                pairs = [_pair(part, int(index), earlier) for index in shared[:_NAMED]]
                raise DataError(
                    f"{len(shared)} of {len(part)} examples of the {name} part stand in the {earlier_name} part too, "
                    f"label included: {', '.join(pairs)}{', …' if len(shared) > _NAMED else ''}. Take them out of the "
                    "file, let them count once (data.duplicates=drop), or, if equal examples are independent, say "
                    "data.duplicates=allow."
                )
        seen[name] = part


def _pair(part: Examples, index: int, earlier: Examples) -> str:
    twin = int(np.flatnonzero(earlier.keys == part.keys[index])[0])
    return f"{part.name(index)} = {earlier.name(twin)}"
