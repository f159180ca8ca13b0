"""The progress of runs that train together, in the terminal."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self
from weakref import WeakSet

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import nn

from simplicity_sweep.fused.engine import Steps
from simplicity_sweep.fused.member import StepLog

Answers = Sequence[StepLog | BaseException]


class GroupProgress:
    """One line for all runs: how many, how many of their epochs are done, how many diverged, the time left.

    What is logged meanwhile is written above the line. Where the output is no terminal nothing is drawn.
    """

    def __init__(self, console: Console | None = None) -> None:
        console = console or Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.fields[runs]} runs as one"),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f} epochs, {task.fields[diverged]} diverged"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            redirect_stdout=sys.stdout.isatty(),  # else it goes to a file, which the bar is not in
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("train", total=0, runs=0, diverged=0)
        self._runs = 0
        self._epochs = 0
        self._diverged = 0
        self._known: WeakSet[nn.Module] = WeakSet()
        self._rerouted: list[tuple[logging.StreamHandler[Any], Any]] = []

    def __enter__(self) -> Self:
        before = {id(sys.stdout): "stdout", id(sys.stderr): "stderr"}
        self._bar.start()
        for handler in logging.root.handlers:
            stream = getattr(handler, "stream", None)
            if isinstance(handler, logging.StreamHandler) and id(stream) in before:
                handler.setStream(getattr(sys, before[id(stream)]))
                self._rerouted.append((handler, stream))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
        for handler, stream in self._rerouted:
            handler.setStream(stream)

    def expect(self, epochs: int) -> None:
        """Adds a run of so many epochs."""
        self._runs += 1
        self._epochs += epochs
        self._bar.update(self._task, total=self._epochs, runs=self._runs)

    def watching(self, desk: Callable[[Sequence[Steps]], Answers]) -> Callable[[Sequence[Steps]], Answers]:
        """`desk`, with an eye on its answers: each is an epoch of its run, if steps were made."""

        def answer(requests: Sequence[Steps]) -> Answers:
            answers = desk(requests)
            self._advance([request.member.module for request in requests], answers)
            return answers

        return answer

    def _advance(self, modules: Sequence[nn.Module], answers: Answers) -> None:
        both = zip(modules, answers, strict=True)
        logs = [(module, log) for module, log in both if isinstance(log, StepLog) and log.alone is None]
        for module, log in logs:
            if module not in self._known and not log.losses.isfinite().all():
                self._known.add(module)
                self._diverged += 1
        self._bar.update(self._task, advance=len(logs), diverged=self._diverged)
