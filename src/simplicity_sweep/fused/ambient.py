"""Process-wide state that jobs of one process must not leak into each other."""

from __future__ import annotations

import gc
import locale
import logging
import os
import random
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol

import numpy as np
import torch

from simplicity_sweep.fused.settings import Pair, Settings, attributes
from simplicity_sweep.fused.torch_defaults import TorchDefaults, TorchThreads


class Ambient(Protocol):
    """A piece of process-wide state.

    One with a true attribute `decides_answers` is what requests are answered in: hashable, and each job's own.
    """

    def capture(self) -> Any:
        """The state as it is."""

    def restore(self, state: Any) -> None:
        """Puts back what `capture` returned."""


class WorkingFolder:
    """The process's working folder."""

    def capture(self) -> str:
        """Its path."""
        return os.getcwd()  # noqa: PTH109 - a plain string is compared and put back, nothing is joined

    def restore(self, state: str) -> None:
        """Goes there."""
        if os.getcwd() != state:  # noqa: PTH109
            os.chdir(state)


class Environment:
    """The environment variables, and with one of them the time zone."""

    def capture(self) -> dict[str, str]:
        """A copy of all of them."""
        return dict(os.environ)

    def restore(self, state: dict[str, str]) -> None:
        """Sets, changes and removes only what differs."""
        zone = os.environ.get("TZ")
        for name in os.environ.keys() - state.keys():
            del os.environ[name]
        for name, value in state.items():
            if os.environ.get(name) != value:
                os.environ[name] = value
        if state.get("TZ") != zone and hasattr(time, "tzset"):
            time.tzset()


_Logger = tuple[int, bool, bool, list[logging.Handler]]
_PLAIN: _Logger = (logging.NOTSET, True, False, [])


class LogHandlers:
    """Level and handlers of every logger: each job writes a log file of its own, and hears of what it wants to."""

    def capture(self) -> tuple[int, _Logger, dict[str, _Logger]]:
        """The level below which nothing is logged, the root logger, and by name those that are not as they began."""
        return logging.root.manager.disable, _logger(logging.root), _changed_loggers()

    def restore(self, state: tuple[int, _Logger, dict[str, _Logger]]) -> None:
        """Puts all of them back. A log file that is put away is closed, and opened again at its next line: a thousand
        jobs may wait, but a process may not have as many open files."""
        disabled, root, named = state
        for handler in logging.root.handlers:
            if isinstance(handler, logging.FileHandler) and handler not in root[3]:
                handler.close()
        if logging.root.manager.disable != disabled:
            logging.disable(disabled)
        _set_logger(logging.root, root)
        present = _changed_loggers()
        for name in present.keys() | named.keys():
            if present.get(name) != named.get(name):
                _set_logger(logging.getLogger(name), named.get(name, _PLAIN))


def _changed_loggers() -> dict[str, _Logger]:
    loggers = list(logging.root.manager.loggerDict.items())  # many hundreds, and asked at each change of job
    return {
        name: _logger(found)
        for name, found in loggers
        if isinstance(found, logging.Logger)
        and (found.level or found.handlers or found.disabled or not found.propagate)
    }


def _logger(logger: logging.Logger) -> _Logger:
    return logger.level, logger.propagate, logger.disabled, list(logger.handlers)


def _set_logger(logger: logging.Logger, state: _Logger) -> None:
    level, propagate, disabled, handlers = state
    if logger.level != level:
        logger.setLevel(level)  # which costs: every logger forgets what it had worked out
    logger.propagate, logger.disabled, logger.handlers[:] = propagate, disabled, handlers


class RandomStates:
    """The global random states of Python, NumPy and torch."""

    def capture(self) -> tuple[Any, ...]:
        """All of them; CUDA's only once CUDA is in use."""
        cuda_states = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]
        return random.getstate(), np.random.get_state(), torch.get_rng_state(), cuda_states

    def restore(self, state: tuple[Any, ...]) -> None:
        """Puts them back."""
        python, numpy, cpu, cuda_states = state
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(cpu)
        if cuda_states:
            torch.cuda.set_rng_state_all(cuda_states)


class Interpreter(Settings):
    """What Python keeps for the whole process: where it imports from and writes to, warnings, locale, collection."""

    def __init__(self) -> None:
        super().__init__(
            [
                _list(sys, "path"),
                _list(sys, "argv"),
                (lambda: list(warnings.filters), _set_filters),
                *attributes(warnings, "showwarning", "formatwarning"),
                *attributes(logging, "_warnings_showwarning"),  # of logging.captureWarnings
                *attributes(sys, "stdout", "stderr", "excepthook"),
                (sys.getrecursionlimit, sys.setrecursionlimit),
                (gc.isenabled, lambda enabled: gc.enable() if enabled else gc.disable()),
                (gc.get_threshold, lambda threshold: gc.set_threshold(*threshold)),
                (partial(locale.setlocale, locale.LC_ALL), partial(locale.setlocale, locale.LC_ALL)),
                (_umask, os.umask),
            ]
        )


def _list(owner: Any, name: str) -> Pair:
    return lambda: list(getattr(owner, name)), lambda values: setattr(owner, name, list(values))


def _set_filters(filters: list[Any]) -> None:
    warnings.filters = list(filters)
    warnings._filters_mutated()  # type: ignore[attr-defined]  # else what was shown or not is remembered


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def process_ambients() -> list[Ambient]:
    """All of this module."""
    return [
        WorkingFolder(),
        Environment(),
        LogHandlers(),
        RandomStates(),
        TorchDefaults(),
        TorchThreads(),
        Interpreter(),
    ]


def capture_all(ambients: Sequence[Ambient]) -> list[Any]:
    """The state of each."""
    return [ambient.capture() for ambient in ambients]


def restore_all(ambients: Sequence[Ambient], states: Sequence[Any]) -> None:
    """Puts each back into its state."""
    for ambient, state in zip(ambients, states, strict=True):
        ambient.restore(state)


@contextmanager
def surroundings(ambients: Sequence[Ambient], states: Sequence[Any] | None) -> Iterator[None]:
    """The block finds `ambients` in `states`, or as they are; afterwards they are as they were before it."""
    before = capture_all(ambients)
    try:
        if states is not None:
            restore_all(ambients, states)
        yield
    finally:
        restore_all(ambients, before)
