"""Process-wide settings that are read and set one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Pair = tuple[Callable[[], Any], Callable[[Any], Any]]
"""What reads a setting, and what sets it to a value that was read."""


class Settings:
    """Settings that are captured and put back together.

    Args:
        pairs: in the order in which they are put back: one that also changes others comes before them.
    """

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self._pairs = list(pairs)

    def capture(self) -> tuple[Any, ...]:
        """The value of each."""
        return tuple(get() for get, _ in self._pairs)

    def restore(self, state: tuple[Any, ...]) -> None:
        """Sets those that differ."""
        for (get, put), value in zip(self._pairs, state, strict=True):
            if get() != value:
                put(value)


def attributes(owner: Any, *names: str) -> list[Pair]:
    """One pair for each attribute of `owner`."""
    return [_attribute(owner, name) for name in names]


def _attribute(owner: Any, name: str) -> Pair:
    return lambda: getattr(owner, name), lambda value: setattr(owner, name, value)
