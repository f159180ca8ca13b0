"""The progress of runs that train together, in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from simplicity_sweep.fused.member import StepLog


class GroupProgress:
    """One line for all runs: how many, how many of their epochs are done, how many diverged, the time left.

    Where the output is no terminal nothing is drawn.
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
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("train", total=0, runs=0, diverged=0)
        self._runs = 0
        self._epochs = 0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def expect(self, epochs: int) -> None:
        """Adds a run of so many epochs."""
        self._runs += 1
        self._epochs += epochs
        self._bar.update(self._task, total=self._epochs, runs=self._runs)

    def advance(self, logs: Sequence[StepLog]) -> None:
        """Counts what one round of steps, an epoch for each run that is still going, reported."""
        diverged = sum(not log.losses[-1:].isfinite().all() for log in logs)
        self._bar.update(self._task, advance=len(logs), diverged=diverged)
