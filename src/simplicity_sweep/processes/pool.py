"""Jobs, so many at once, each in a process that runs nothing else."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from hydra.core.utils import JobReturn, JobStatus, filter_overrides
from omegaconf import DictConfig

from simplicity_sweep.jobs import NotStarted, failed
from simplicity_sweep.processes.ending import OUTPUT_FILE, JobProcessError, write_ending
from simplicity_sweep.processes.exchange import Job
from simplicity_sweep.processes.handle import Assignment, Handle
from simplicity_sweep.processes.progress import JobsProgress
from simplicity_sweep.processes.shares import Shares
from simplicity_sweep.termination import Terminated, terminated_like_interrupted

_LOOK_SECONDS = 0.05
_CTRL_C_SECONDS = 60.0  # that jobs have to end once they have been told to
_SIGTERM_SECONDS = 4.0  # whoever sends it sends SIGKILL soon after


@dataclass(frozen=True)
class Asked:
    """A job that is to be run.

    Attributes:
        number: the Hydra job's.
        overrides: what it was asked for.
        config: composed, Hydra's node included.
        folder: its own.
    """

    number: int
    overrides: list[str]
    config: DictConfig
    folder: Path


class Pool:
    """Runs jobs in processes that are started ahead of them, since a start takes seconds.

    Args:
        shares: how many at once, and what each gets.
        exchange: an empty folder in the file system of the jobs' folders that holds the workers' `Start`.
        progress: is told what happens.
        stop_on_error: whether no further job is started once one has failed.
    """

    def __init__(self, shares: Shares, exchange: Path, progress: JobsProgress, *, stop_on_error: bool = False) -> None:
        self._shares = shares
        self._exchange = exchange
        self._progress = progress
        self._stop_on_error = stop_on_error
        self._names = map(str, count())
        self._waiting: deque[Asked] = deque()
        self._spare: deque[Handle] = deque()  # that wait for a job; one at most
        self._running: dict[int, tuple[Asked, Handle]] = {}

    def run(self, jobs: Sequence[Asked]) -> dict[int, JobReturn]:
        """What each job returned, by its number; FAILED if its process died or it was never started.

        Raises:
            KeyboardInterrupt: Ctrl-C or SIGTERM; every process has ended. The jobs' are told, and have a while to end
                by themselves; a second one kills them at once.
        """
        self._waiting = deque(jobs)
        returns: dict[int, JobReturn] = {}
        with terminated_like_interrupted():
            try:
                while self._waiting or self._running:
                    self._collect(returns)
                    self._start()
                    time.sleep(_LOOK_SECONDS)
            except BaseException as error:
                self._interrupt(_SIGTERM_SECONDS if isinstance(error, Terminated) else _CTRL_C_SECONDS)
                raise
            finally:
                self._kill()
        return returns

    def _start(self) -> None:
        """Gives jobs to processes, and has one more process get ready for the next job than there are free places."""
        while self._waiting and len(self._running) < self._shares.at_once:
            asked = self._waiting.popleft()
            handle = self._ready_handle()
            self._running[asked.number] = asked, handle  # before it has work, so that it is ended whatever happens
            handle.give(asked.number, asked.folder, Job(asked.config, asked.overrides, self._free_gpu()))
            self._progress.started(asked.number, " ".join(filter_overrides(asked.overrides)))
        if self._waiting and not self._spare:
            self._spare.append(self._new_handle())

    def _ready_handle(self) -> Handle:
        """The process that waits; one that has died meanwhile should cost no job."""
        if self._spare:
            spare = self._spare.popleft()
            if not spare.has_ended():
                return spare
            spare.kill()
        return self._new_handle()

    def _new_handle(self) -> Handle:
        return Handle(self._exchange, next(self._names), self._shares.environment())

    def _free_gpu(self) -> str | None:
        """The GPU with the fewest jobs."""
        given = [handle.assignment for _, handle in self._running.values()]
        busy = Counter(assignment.gpu for assignment in given if assignment is not None)
        return min(self._shares.gpus, key=lambda gpu: busy[gpu], default=None)

    def _collect(self, returns: dict[int, JobReturn]) -> None:
        """Takes what jobs returned whose process has ended."""
        for number in [number for number, (_, handle) in self._running.items() if handle.has_ended()]:
            asked, handle = self._running[number]
            result = handle.result()
            handle.kill()
            del self._running[number]
            output = asked.folder / OUTPUT_FILE
            if isinstance(result, str):
                returns[number] = failed(asked.overrides, JobProcessError(f"{result}; its output: {output}"))
            else:
                returns[number] = result
            assert handle.assignment is not None
            self._report(handle.assignment, returns[number], output)
            if self._stop_on_error and returns[number].status is not JobStatus.COMPLETED:
                self._stop(returns)

    def _report(self, assignment: Assignment, done: JobReturn, output: Path) -> None:
        error, failure = done._return_value, None
        if done.status is not JobStatus.COMPLETED:
            told = str(error) if isinstance(error, JobProcessError) else f"{type(error).__name__}: {error}"
            failure = told if str(output) in told else f"{told}; its output: {output}"
        self._progress.ended(assignment.number, time.monotonic() - assignment.began, failure)

    def _stop(self, returns: dict[int, JobReturn]) -> None:
        returns |= {asked.number: failed(asked.overrides, NotStarted()) for asked in self._waiting}
        self._waiting.clear()

    def _interrupt(self, patience: float) -> None:
        """Tells every job to end, and waits while they do."""
        running = [handle for _, handle in self._running.values()]
        self._progress.note(f"Interrupted: {len(running)} jobs are ending. Ctrl-C again kills them.")
        for handle in running:
            handle.interrupt()
        until = time.monotonic() + patience
        while time.monotonic() < until and not all(handle.has_ended() for handle in running):
            time.sleep(_LOOK_SECONDS)

    def _kill(self) -> None:
        """Leaves no process behind."""
        for asked, handle in self._running.values():
            if not handle.has_ended():
                write_ending(asked.folder, "its process was killed: the sweep was interrupted")
            handle.kill()
        while self._spare:
            self._spare.popleft().kill()
