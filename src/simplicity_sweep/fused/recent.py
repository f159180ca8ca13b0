"""The most recently used results of something that takes long."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """Values by key; of many the least recently used are forgotten.

    Args:
        size: how many are kept.

    >>> recent = Recent[str](size=1)
    >>> recent.get("a", lambda: "made"), recent.get("a", lambda: "made again"), "a" in recent, "b" in recent
    ('made', 'made', True, False)
    """

    def __init__(self, size: int) -> None:
        self._values: OrderedDict[Hashable, Value] = OrderedDict()
        self._lock = threading.Lock()
        self._size = size

    def __contains__(self, key: Hashable) -> bool:
        return key in self._values

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The value stored under `key`, made if there is none."""
        with self._lock:
            if key not in self._values:
                self._values[key] = make()
            self._values.move_to_end(key)
            while len(self._values) > self._size:
                self._values.popitem(last=False)
            return self._values[key]
