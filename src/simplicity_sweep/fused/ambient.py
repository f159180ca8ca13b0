"""Process-wide state that jobs of one process must not leak into each other."""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch


class Ambient(Protocol):
    """A piece of process-wide state."""

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
    """The environment variables."""

    def capture(self) -> dict[str, str]:
        """A copy of all of them."""
        return dict(os.environ)

    def restore(self, state: dict[str, str]) -> None:
        """Sets, changes and removes only what differs."""
        for name in os.environ.keys() - state.keys():
            del os.environ[name]
        for name, value in state.items():
            if os.environ.get(name) != value:
                os.environ[name] = value


class LogHandlers:
    """Level and handlers of the root logger: each job writes a log file of its own."""

    def capture(self) -> tuple[int, list[logging.Handler]]:
        """The level and the handlers."""
        root = logging.getLogger()
        return root.level, list(root.handlers)

    def restore(self, state: tuple[int, list[logging.Handler]]) -> None:
        """Puts both back. A log file that is put away is closed, and opened again at its next line: a thousand jobs may
        wait, but a process may not have as many open files."""
        root = logging.getLogger()
        for handler in root.handlers:
            if isinstance(handler, logging.FileHandler) and handler not in state[1]:
                handler.close()
        root.setLevel(state[0])
        root.handlers[:] = state[1]


class RandomStates:
    """The global random states of Python, NumPy and torch."""

    def capture(self) -> tuple[Any, ...]:
        """All of them; CUDA's only once CUDA is in use."""
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]
        return random.getstate(), np.random.get_state(), torch.get_rng_state(), cuda

    def restore(self, state: tuple[Any, ...]) -> None:
        """Puts them back."""
        python, numpy, cpu, cuda = state
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(cpu)
        if cuda:
            torch.cuda.set_rng_state_all(cuda)


class TorchDefaults:
    """torch's default dtype, number of threads and determinism flags."""

    def capture(self) -> tuple[Any, ...]:
        """All of them."""
        return (
            torch.get_default_dtype(),
            torch.get_num_threads(),
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
            torch.backends.cudnn.benchmark,
            torch.backends.cudnn.deterministic,
        )

    def restore(self, state: tuple[Any, ...]) -> None:
        """Puts them back where they differ."""
        if self.capture() == state:
            return
        dtype, threads, deterministic, warn_only, benchmark, cudnn = state
        torch.set_default_dtype(dtype)
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
        torch.backends.cudnn.benchmark = benchmark
        torch.backends.cudnn.deterministic = cudnn


def process_ambients() -> list[Ambient]:
    """All of this module."""
    return [WorkingFolder(), Environment(), LogHandlers(), RandomStates(), TorchDefaults()]


def capture_all(ambients: Sequence[Ambient]) -> list[Any]:
    """The state of each."""
    return [ambient.capture() for ambient in ambients]


def restore_all(ambients: Sequence[Ambient], states: Sequence[Any]) -> None:
    """Puts each back into its state."""
    for ambient, state in zip(ambients, states, strict=True):
        ambient.restore(state)
