"""How much each class counts in the training loss."""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from simplicity_sweep.data.errors import DataError

ClassWeights = Literal["balanced"] | Sequence[float] | None
"""A number above 0 for each class, "balanced", or None: all count alike."""


def check_class_weights(weights: object) -> None:
    """Return nothing where `weights` can be class weights.

    Raises:
        DataError: they can't; the message says what they can be.
    """
    if weights is None or weights == "balanced":
        return
    numbers = isinstance(weights, Sequence) and not isinstance(weights, str) and len(weights) > 0
    if not numbers or not all(isinstance(w, int | float) and 0 < w < math.inf for w in weights):  # type: ignore[attr-defined]
        raise DataError(
            "Expected argument `class_weights` to be null, balanced or a finite number above 0 for each class, "
            f"but got {weights!r}."
        )


def weights_of(weights: ClassWeights, labels: Tensor, classes: int) -> tuple[float, ...] | None:
    """One weight a class; None where all count alike.

    "balanced" gives n / (classes · n_c), n_c of the n examples being of class c (King and Zeng 2001; scikit-learn's
    `class_weight="balanced"`), so that all classes have the same sum of weights.

    Args:
        weights: what was asked for.
        labels: those of the training part, int64 `[n]`.
        classes: how many there are.

    Raises:
        DataError: there are not as many as classes, or a class without examples would have to be balanced.

    Example: three examples of one class and one of the other.
        >>> weights_of("balanced", torch.tensor([0, 0, 0, 1]), classes=2)
        (0.6666666666666666, 2.0)
    """
    if weights is None:
        return None
    if weights == "balanced":
        counts = torch.bincount(labels, minlength=classes).tolist()
        if 0 in counts:
            raise DataError(
                f"data.class_weights = balanced: class {counts.index(0)} has no example in the training part. Give a "
                "number for each class instead, e.g. data.class_weights=[1,2]"
            )
        return tuple(len(labels) / (classes * count) for count in counts)
    if len(weights) != classes:
        raise DataError(
            f"data.class_weights = {list(weights)}: {len(weights)} numbers for {classes} classes; one for each is "
            "needed, in the order of the labels."
        )
    return tuple(float(weight) for weight in weights)
