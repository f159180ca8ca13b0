"""Classes: what the values of a target column, or the names of folders, say about them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simplicity_sweep.data.errors import DataError

_NAMED = 5  # in a message


def classes_of(values: NDArray[Any], what: str, call: Callable[[int], str]) -> list[Any]:
    """The classes among a target's values: numbers in their order, or texts in theirs.

    Args:
        values: `[n]`, whole numbers or texts; truth values count as texts.
        what: what a message calls the target.
        call: what a message calls the example at a place.

    Raises:
        DataError: a value is missing or no class, two differ in spaces alone, or all are the same.

    Example:
        >>> classes_of(np.array([10, 9, 10]), "labels", str), classes_of(np.array(["b", "a"]), "labels", str)
        ([9, 10], ['a', 'b'])
    """
    known = plain(values, what, call)
    found: list[Any] = np.unique(known).tolist()
    for spaced, other in _spaced(found):
        raise DataError(
            f"{call(int(np.flatnonzero(known == spaced)[0]))}: {what} = {spaced!r}, which differs from {other!r} in "
            "spaces alone. Make them one class in the file."
        )
    if len(found) < 2:
        raise DataError(
            f"{call(0)}, and wherever else: {what} = {found[0]!r}. A classifier needs two classes at least."
        )
    return found


def codes_of(values: NDArray[Any], classes: Sequence[Any], what: str, call: Callable[[int], str]) -> NDArray[np.int64]:
    """Each value's place among the classes, int64 `[n]`.

    Raises:
        DataError: a value is none of them.
    """
    codes = {value: code for code, value in enumerate(classes)}
    known = plain(values, what, call).tolist()
    for place, value in enumerate(known):
        if value not in codes:
            raise DataError(
                f"{call(place)}: {what} = {value!r} is none of the training part's classes, {shortly(classes)}."
            )
    return np.array([codes[value] for value in known], dtype=np.int64)


def plain(values: NDArray[Any], what: str, call: Callable[[int], str]) -> NDArray[Any]:
    """The values as whole numbers or texts.

    Raises:
        DataError: one is missing or neither; the message names it.
    """
    if values.dtype.kind in "iu":
        return values
    if values.dtype.kind == "f":
        for place in np.flatnonzero(~np.isfinite(values))[:1]:
            raise DataError(f"{call(int(place))}: {what} is missing ({values[place]}). Fill it in, or leave it out.")
        for place in np.flatnonzero(values != np.round(values))[:1]:
            raise DataError(
                f"{call(int(place))}: {what} = {values[place]:g}; expected a whole number or a text, the class. Write "
                "classes as whole numbers or words."
            )
        return values.astype(np.int64)
    for place, value in enumerate(values.tolist()):
        if value is None or value != value:
            raise DataError(f"{call(place)}: {what} is missing. Fill it in, or leave that row out.")
        if not isinstance(value, str | bool | int | np.integer):
            raise DataError(f"{call(place)}: {what} = {value!r}; expected a whole number or a text, the class.")
    return values.astype(str)


def refuse_absent(parts: Mapping[str, NDArray[np.int64]], names: Sequence[str]) -> None:
    """Refuses parts in which a class has no example.

    Raises:
        DataError: names the class, the part and how many examples there are in all.
    """
    counts = {part: np.bincount(labels, minlength=len(names)) for part, labels in parts.items()}
    for part, count in counts.items():
        for absent in np.flatnonzero(count == 0)[:1]:
            elsewhere = ", ".join(f"{other[absent]} {name}" for name, other in counts.items() if name != part)
            raise DataError(
                f"Class {names[absent]!r} has no example in the {part} part ({elsewhere}). Add examples of it, make "
                "that part larger (data.test_size, data.val_size), or leave the class out."
            )


def refuse_spaced(values: Iterable[str], called: str) -> None:
    """Refuses categories of which two differ in spaces alone.

    Raises:
        DataError: names both.
    """
    for spaced, other in _spaced(sorted(values)):
        raise DataError(
            f"{called} holds {spaced!r} and {other!r}, which differ in spaces alone. Make them one in the file."
        )


def _spaced(values: Sequence[Any]) -> Iterator[tuple[str, str]]:
    """Each text that another one, given too, would be with other spaces around it, and that one."""
    seen: dict[str, str] = {}
    for value in values:
        if isinstance(value, str) and (other := seen.setdefault(value.strip(), value)) != value:
            yield max(value, other, key=len), min(value, other, key=len)


def shortly(items: Sequence[Any]) -> str:
    """The first few of them, for a message.

    Example:
        >>> shortly(range(7))
        '0, 1, 2, 3, 4 and 2 more'
    """
    shown = ", ".join(str(item) for item in items[:_NAMED])
    return shown if len(items) <= _NAMED else f"{shown} and {len(items) - _NAMED} more"
