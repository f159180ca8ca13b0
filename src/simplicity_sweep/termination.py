"""SIGTERM, heard as Ctrl-C is: what is under way is closed, and what is done is kept."""

from __future__ import annotations

import atexit
import gc
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# Python ends with a search for garbage, which takes seconds where torch, Lightning and MLflow are imported, and whoever
# sends SIGTERM has no patience. What is frozen isn't searched.
atexit.register(gc.freeze)


class Terminated(KeyboardInterrupt):
    """SIGTERM was received."""


@contextmanager
def terminated_like_interrupted() -> Iterator[None]:
    """Within the block, SIGTERM raises `Terminated` in the main thread; a second one ends the process at once.

    Nothing changes in another thread, which can't be told.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _raise)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def interruptions_held() -> Iterator[None]:
    """Ctrl-C and SIGTERM within the block are heard at its end.

    Nothing changes in a thread that isn't the main one, which alone hears them.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _frame: heard.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if heard:
            signal.raise_signal(heard[0])


@contextmanager
def interrupts_as_raised() -> Iterator[None]:
    """Where Lightning's Trainer ends the process because it was interrupted, the interruption is raised instead."""
    try:
        yield
    except SystemExit as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise error.__context__ from None
        raise


def exit_status(interruption: KeyboardInterrupt) -> int:
    """With what a process ends that was interrupted: 128 and the signal's number, as shells have it.

    Example:
        >>> exit_status(Terminated())
        143
    """
    return 128 + (signal.SIGTERM if isinstance(interruption, Terminated) else signal.SIGINT)


def _raise(_number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    raise Terminated
