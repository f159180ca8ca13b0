"""Waiting for Slurm jobs, and what each one left."""

from __future__ import annotations

import logging
import pickle
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus

from simplicity_sweep.jobs import NotStarted, failed
from simplicity_sweep.processes.ending import JobProcessError, write_ending
from simplicity_sweep.processes.progress import JobsProgress
from simplicity_sweep.slurm.queue import GONE, cancel, is_over, states
from simplicity_sweep.termination import Terminated, terminated_like_interrupted

_LOG = logging.getLogger(__name__)
_LOOK_SECONDS = 0.5
_ASK_SECONDS = 5.0
_LATE_SECONDS = 15.0  # that a file of another machine may need to be seen here, and Slurm to requeue a job
_CTRL_C_SECONDS = 60.0
_SIGTERM_SECONDS = 4.0  # whoever sends it sends SIGKILL soon after


@dataclass
class Sent:
    """A portion of the jobs, handed to Slurm.

    Attributes:
        job: submitit's.
        first: the number of its first Hydra job.
        overrides: of each of its Hydra jobs.
        folders: theirs.
        began: when it was first seen to run, in seconds of the monotonic clock.
        over: since when Slurm says that it has ended.
    """

    job: Any
    first: int
    overrides: Sequence[list[str]]
    folders: Sequence[Path]
    began: float | None = field(default=None)
    over: float | None = field(default=None)


class Watch:
    """Collects what Slurm jobs returned, or how they ended.

    Args:
        sent: the Slurm jobs.
        progress: is told what happens.
        stop_on_error: whether the others are cancelled once a job has failed.
    """

    def __init__(self, sent: Sequence[Sent], progress: JobsProgress, *, stop_on_error: bool = False) -> None:
        self._open = list(sent)
        self._progress = progress
        self._stop_on_error = stop_on_error
        self._asked = float("-inf")
        self._answered = True
        self._returns: dict[int, JobReturn] = {}

    def run(self) -> dict[int, JobReturn]:
        """What each Hydra job returned, by its number; FAILED if its Slurm job ended without a return.

        Raises:
            KeyboardInterrupt: Ctrl-C or SIGTERM; the Slurm jobs are cancelled, and have had a while to end. A second
                one doesn't wait.
        """
        with terminated_like_interrupted():
            try:
                while self._open:
                    self._look()
                    time.sleep(_LOOK_SECONDS)
            except BaseException as error:
                self._cancel(_SIGTERM_SECONDS if isinstance(error, Terminated) else _CTRL_C_SECONDS)
                raise
        return self._returns

    def _look(self) -> None:
        """Takes what is there, and now and then asks Slurm about the rest."""
        _see_afresh({one.job.paths.folder for one in self._open})
        for one in list(self._open):
            if one.job.paths.result_pickle.exists():
                self._take(one)
        if self._open and time.monotonic() - self._asked > _ASK_SECONDS:
            self._asked = time.monotonic()
            self._ask()

    def _ask(self) -> None:
        known = states()
        if known is None:
            if self._answered:
                self._progress.note("Slurm does not answer. Its jobs may go on; the sweep waits until it does.")
            self._answered = False
            return
        self._answered = True
        now = time.monotonic()
        for one in list(self._open):
            state = known.get(one.job.job_id, GONE)
            if state == "RUNNING":
                self._begin(one)
            one.over = (one.over or now) if is_over(state) else None
            if one.over is not None and now - one.over > _LATE_SECONDS:
                self._lose(one, state)

    def _begin(self, one: Sent) -> None:
        if one.began is None:
            one.began = time.monotonic()
            for number, overrides in enumerate(one.overrides, one.first):
                self._progress.started(number, " ".join(overrides))

    def _take(self, one: Sent) -> None:
        """The Slurm job has ended by itself."""
        outcome, result = pickle.loads(one.job.paths.result_pickle.read_bytes())
        for file in (one.job.paths.result_pickle, one.job.paths.submitted_pickle):
            file.unlink(missing_ok=True)
        if outcome == "success":
            self._close(one, [pickle.loads(done) for done in result])
        else:
            self._fail(one, str(result).strip().splitlines()[-1])

    def _lose(self, one: Sent, state: str) -> None:
        """The Slurm job has ended without a word."""
        never = "" if one.job.paths.stdout.exists() else "; it wrote nothing: do the nodes see hydra.sweep.dir?"
        ended = "is unknown to Slurm" if state == GONE else f"ended as {state}"
        self._fail(one, f"its Slurm job {one.job.job_id} {ended}{never}")

    def _fail(self, one: Sent, reason: str) -> None:
        error = JobProcessError(f"{reason}; its output: {one.job.paths.stdout}")
        for folder in one.folders:
            write_ending(folder, reason)
        self._close(one, [failed(overrides, error) for overrides in one.overrides])

    def _close(self, one: Sent, returns: Sequence[JobReturn]) -> None:
        self._begin(one)
        assert one.began is not None
        self._open.remove(one)
        for number, done in enumerate(returns, one.first):
            self._returns[number] = done
            self._progress.ended(number, time.monotonic() - one.began, _failure(done, one.job.paths.stdout))
        if self._stop_on_error and any(done.status is not JobStatus.COMPLETED for done in returns):
            self._stop()

    def _stop(self) -> None:
        """Cancels the others: one has failed."""
        cancel(one.job.job_id for one in self._open)
        self._await_end(_CTRL_C_SECONDS)
        for one in self._open:
            for number, overrides in enumerate(one.overrides, one.first):
                self._returns[number] = failed(overrides, NotStarted())
        self._open.clear()

    def _cancel(self, patience: float) -> None:
        jobs = len(self._open)
        self._progress.note(f"Interrupted: {jobs} Slurm jobs are being cancelled. Ctrl-C again doesn't wait for them.")
        try:
            cancel(one.job.job_id for one in self._open)
            self._await_end(patience)
        finally:
            for one in self._open:
                for folder in one.folders:
                    write_ending(folder, f"its Slurm job {one.job.job_id} was cancelled: the sweep was interrupted")

    def _await_end(self, patience: float) -> None:
        until = time.monotonic() + patience
        while time.monotonic() < until:
            known = states()
            if known is not None and all(is_over(known.get(one.job.job_id, GONE)) for one in self._open):
                return
            time.sleep(_LOOK_SECONDS)


def _failure(done: JobReturn, output: Path) -> str | None:
    if done.status is JobStatus.COMPLETED:
        return None
    error = done._return_value
    if isinstance(error, JobProcessError):
        return str(error)
    return f"{type(error).__name__}: {error}; its output: {output}"


def _see_afresh(folders: set[Path]) -> None:
    """Has a network file system look again at what is in them, instead of remembering it for a minute."""
    for folder in folders:
        if folder.exists():
            folder.chmod(folder.stat().st_mode)
