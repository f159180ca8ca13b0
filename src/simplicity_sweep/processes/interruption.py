"""SIGTERM, taken as Ctrl-C in a hurry."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

_CTRL_C_SECONDS = 60.0
_SIGTERM_SECONDS = 4.0  # whoever sends it sends SIGKILL soon after


class Interruption:
    """While entered, SIGTERM raises KeyboardInterrupt in the main thread, or what its handler before raises.

    Attributes:
        patience: how many seconds jobs have to end once they have been told to.
    """

    def __init__(self) -> None:
        self.patience = _CTRL_C_SECONDS
        self._before: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():  # no other may set a handler
            self._before = signal.signal(signal.SIGTERM, self._terminate)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)

    def _terminate(self, number: int, frame: FrameType | None) -> None:
        self.patience = _SIGTERM_SECONDS
        if callable(self._before):
            self._before(number, frame)
        raise KeyboardInterrupt
