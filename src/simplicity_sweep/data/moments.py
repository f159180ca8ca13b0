"""Standardising arrays by the mean and standard deviation of their training part."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from simplicity_sweep.data.errors import DataError
from simplicity_sweep.data.examples import Rows

Number = float | Sequence[float] | None
_AT_ONCE = 1 << 24  # elements that are converted at a time, so that no second copy of a large array is made


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean and standard deviation along an array's axis, or of the whole of it.

    Attributes:
        mean, std: float64, of a shape that is broadcast against `[n, *shape]`.
    """

    mean: NDArray[np.float64]
    std: NDArray[np.float64]

    @classmethod
    def of(
        cls, train: NDArray[Any] | Rows, axis: int | None, given: tuple[Number, Number], call: Callable[[int], str]
    ) -> Moments:
        """Those of the training part, but for what is given.

        Args:
            train: `[n, *shape]`.
            axis: the one along which each place has its own; None for one of all.
            given: mean and standard deviation, where they are known.
            call: what a message calls the place along the axis.

        Raises:
            DataError: a place holds one value only, or not as many numbers are given as there are places.

        Example:
            >>> moments = Moments.of(np.array([[0, 1], [2, 3]]), 1, (None, None), str)
            >>> moments.mean.tolist(), moments.std.tolist()
            ([[1.0, 2.0]], [[1.0, 1.0]])
        """
        over = tuple(place for place in range(train.ndim) if place != axis)
        shape = [1 if place in over else size for place, size in enumerate(train.shape)]
        mean, std = (_given(name, value, shape) for name, value in zip(("mean", "std"), given, strict=True))
        centre = _averaged(train, over, lambda part: part) if mean is None or std is None else mean
        if std is None:
            std = np.sqrt(_averaged(train, over, lambda part: (part - centre) ** 2))
        for place in np.flatnonzero(std == 0)[:1]:
            raise DataError(f"{call(int(place))} is constant in the training part, so it says nothing. Leave it out.")
        return cls(centre if mean is None else mean, std)

    def standardised(self, values: NDArray[Any] | Rows, result: Tensor | None = None) -> Tensor:
        """`(values - mean) / std` as float32, of the same shape, in `result` where it is given."""
        result = torch.empty(values.shape, dtype=torch.float32) if result is None else result
        for part in slices(values):
            result[part] = torch.from_numpy(((values[part] - self.mean) / self.std).astype(np.float32))
        return result


def slices(values: NDArray[Any] | Rows) -> Iterator[slice]:
    """Slices of the first axis, each of a few million numbers."""
    several = max(1, _AT_ONCE // max(1, values[:1].size))
    return (slice(first, first + several) for first in range(0, len(values), several))


def _averaged(
    values: NDArray[Any] | Rows, over: tuple[int, ...], function: Callable[[NDArray[Any]], NDArray[Any]]
) -> NDArray[np.float64]:
    parts = [function(values[part].astype(np.float64)).sum(axis=over, keepdims=True) for part in slices(values)]
    total: NDArray[np.float64] = np.sum(parts, axis=0)
    return total / (values.size / total.size)


def _given(name: str, value: Number, shape: list[int]) -> NDArray[np.float64] | None:
    if value is None:
        return None
    try:
        numbers = np.asarray(list(value) if isinstance(value, Sequence) else value, dtype=np.float64)
    except ValueError:
        numbers = np.array(np.nan)
    places = int(np.prod(shape))
    if numbers.size not in (1, places) or not np.isfinite(numbers).all() or (name == "std" and (numbers <= 0).any()):
        above = " above 0" if name == "std" else ""
        raise DataError(f"data.{name} = {value!r}; expected 1 or {places} finite numbers{above}, or null.")
    return np.broadcast_to(numbers.reshape(-1), (places,)).reshape(shape).copy()
