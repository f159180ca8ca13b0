"""What the answers of somebody else's loader are: classes, or numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from simplicity_sweep.data.errors import DataError

Answers = Literal["auto", "classes", "numbers"]
"""One class an example; numbers or sets of labels; "auto": whole numbers of shape [n] are classes, all else numbers."""


def answers_of(given: Tensor, kind: Answers, name: str) -> Tensor:
    """Classes, int64 `[n]`, or numbers, float32 `[n, k]`.

    Args:
        given: `[n]` or `[n, k]`.
        kind: what they are.
        name: of their loader, for messages.

    Raises:
        DataError: they are no answers of this kind.

    Example:
        >>> answers_of(torch.tensor([0, 2]), "auto", "test"), answers_of(torch.tensor([0, 2]), "numbers", "test")
        (tensor([0, 2]), tensor([[0.],
                [2.]]))
    """
    whole = not given.is_floating_point() and not given.is_complex()
    if given.ndim not in (1, 2) or given.is_complex() or given.numel() == 0:
        raise DataError(
            f"{name} yields answers of {given.dtype} and shape {list(given.shape)}; expected [n], or [n, k] of numbers."
        )
    if kind == "classes" or (kind == "auto" and whole and given.ndim == 1):
        return _classes(given, name)
    numbers = given.float()
    if not bool(numbers.isfinite().all()):
        raise DataError(f"{name} yields answers that are NaN or infinite. Leave those examples out.")
    return numbers if numbers.ndim == 2 else numbers[:, None]


def outputs_of_answers(parts: Mapping[str, Tensor], stated: int | None) -> int:
    """How many outputs a network needs: one for each class or number.

    Args:
        parts: the answers of each loader, by its name.
        stated: how many classes there are, where that is known; None: as many as the largest one says.

    Raises:
        DataError: the loaders differ, or there are others than was stated.

    Example:
        >>> outputs_of_answers({"train": torch.tensor([0, 1]), "test": torch.tensor([2])}, None)
        3
    """
    (first, answers), *others = parts.items()
    for name, other in others:
        if other.dtype != answers.dtype or other.shape[1:] != answers.shape[1:]:
            raise DataError(
                f"{name} yields {_said(other)}, {first} {_said(answers)}. Expected the same of all three; say which, "
                "data.answers=classes or numbers."
            )
    if answers.ndim == 2:
        found = answers.shape[1]
        if stated not in (None, found):
            raise DataError(f"data.outputs = {stated}: {first} yields {_said(answers)}. Leave it null.")
        return found
    found = max(int(part.max()) for part in parts.values()) + 1
    if found < 2 or (stated is not None and stated < found):
        raise DataError(
            f"data.outputs = {'null' if stated is None else stated}: the largest class is {found - 1}; a classifier "
            "needs two classes at least, counted from 0."
        )
    return found if stated is None else stated


def _classes(given: Tensor, name: str) -> Tensor:
    flat = given.flatten()
    if len(flat) != len(given):
        raise DataError(
            f"{name} yields answers of shape {list(given.shape)}; expected [n], the class of each input. "
            "answers.argmax(1) undoes one-hot; for several numbers or labels say data.answers=numbers."
        )
    classes = flat.long()
    if not torch.equal(classes.to(flat.dtype), flat):
        raise DataError(f"{name} yields answers that are no whole numbers; say data.answers=numbers.")
    if int(classes.min()) < 0:
        raise DataError(f"{name} yields the class {int(classes.min())}; expected classes from 0.")
    return classes


def _said(answers: Tensor) -> str:
    return "classes" if answers.ndim == 1 else f"{answers.shape[1]} numbers an example"
