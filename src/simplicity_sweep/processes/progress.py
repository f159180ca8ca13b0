"""The progress of a sweep whose jobs run in processes of their own."""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

log = logging.getLogger(__name__)


class JobsProgress:
    """One line: jobs done, running and failed, of how many, and the time left; failures stay above it.

    Where the output is no terminal, a line is logged for each job that starts or ends.

    Args:
        jobs: how many there are.
        console: where to draw; standard error without one.
    """

    def __init__(self, jobs: int, console: Console | None = None) -> None:
        self._jobs = jobs
        self._running = self._failed = self._done = 0
        self._began = time.monotonic()
        console = console or Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.completed:.0f} of {task.total:.0f} jobs done"),
            BarColumn(),
            TextColumn("{task.fields[running]} running, {task.fields[failed]} failed"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            redirect_stdout=console.is_terminal,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("jobs", total=jobs, running=0, failed=0)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def started(self, number: int, overrides: str) -> None:
        """A job has been given to a process."""
        self._running += 1
        if self._bar.disable:
            log.info("\t#%d : %s", number, overrides)
        self._draw()

    def ended(self, number: int, seconds: float, failure: str | None) -> None:
        """A job's process has ended; `failure` says why its job failed, if it did."""
        self._running -= 1
        self._done += 1
        self._failed += failure is not None
        how = "done" if failure is None else "failed"
        line = f"#{number} {how} after {seconds:.0f} s{'' if failure is None else f': {failure}'}"
        if self._bar.disable:
            log.log(logging.INFO if failure is None else logging.ERROR, "\t%s (%s)", line, self._state())
        elif failure is not None:
            self._bar.console.print(escape(line), style="red", highlight=False, soft_wrap=True)
        self._draw()

    def note(self, text: str) -> None:
        """Something else that the user should know now."""
        if self._bar.disable:
            log.info(text)
        else:
            self._bar.console.print(escape(text), highlight=False, soft_wrap=True)

    def _draw(self) -> None:
        self._bar.update(self._task, completed=self._done, running=self._running, failed=self._failed)

    def _state(self) -> str:
        state = f"{self._done} of {self._jobs} done, {self._running} running, {self._failed} failed"
        if self._done == self._jobs:
            return state
        left = (time.monotonic() - self._began) / self._done * (self._jobs - self._done)
        return f"{state}, about {timedelta(seconds=round(left))} left"
