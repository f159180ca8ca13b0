"""Dividing examples at random into parts, each class in proportion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simplicity_sweep.data.errors import DataError


def divide(
    labels: NDArray[np.int64], counts: Sequence[int], keys: Sequence[str], seed: int, names: Sequence[str]
) -> list[NDArray[np.int64]]:
    """Indices of random parts of the given sizes, and last of what is left; classes in proportion in each.

    By scikit-learn's `train_test_split(stratify=…)`, part by part. The result depends on the arguments alone.

    Args:
        labels: `[n]`, from 0.
        counts: how many examples each part takes.
        keys: of the configuration, that say so; for messages.
        seed: of the division.
        names: of the classes, for messages.

    Raises:
        DataError: too few examples, or too few of one class.

    Example:
        >>> rare, common = divide(np.array([0, 1] * 4), [2], ["data.val_size"], 0, ["no", "yes"])
        >>> len(common), sorted(np.array([0, 1] * 4)[rare].tolist())
        (6, [0, 1])
    """
    from sklearn.model_selection import train_test_split  # slow to import

    parts, left = [], np.arange(len(labels))
    for count, key in zip(counts, keys, strict=True):
        _check(labels[left], count, key, names)
        left, part = train_test_split(left, test_size=count, stratify=labels[left], random_state=seed)
        parts.append(part)
    return [*parts, left]


def _check(labels: NDArray[np.int64], count: int, key: str, names: Sequence[str]) -> None:
    present = np.bincount(labels, minlength=len(names))
    scarce = int(present.argmin())
    if present[scarce] < 2:
        raise DataError(
            f"Class {names[scarce]!r} has too few examples to be in each part ({int(present[scarce])} left for "
            f"{key} and training). Add examples of it, or leave it out."
        )
    if not len(names) <= count <= len(labels) - len(names):
        raise DataError(
            f"{key} asks for {count} of {len(labels)} examples; expected from {len(names)}, one of each class, to "
            f"{len(labels) - len(names)}."
        )
