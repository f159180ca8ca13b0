"""A sweep's parent run: how its jobs find it, what is finished and what is missing."""

from __future__ import annotations

import json
import logging
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from mlflow.entities import Run as StoredRun
from rich.console import Console

from simplicity_sweep import artifacts
from simplicity_sweep.config import ConfigError
from simplicity_sweep.credentials import masked
from simplicity_sweep.environment import process, provenance
from simplicity_sweep.heartbeat import beating, is_dead
from simplicity_sweep.mlflow_page import page_link, publish_page
from simplicity_sweep.outage import unreachable
from simplicity_sweep.outbox import outboxes
from simplicity_sweep.processes.ending import read_ending
from simplicity_sweep.rows import Row, failures_yaml, print_rows, rows_of
from simplicity_sweep.sweep.delivery import Unclosed, deliver, not_delivered
from simplicity_sweep.sweep.tidy import close_dead, wait_for_left_behind
from simplicity_sweep.termination import interruptions_held
from simplicity_sweep.tracking import Run, Store, TrackingError

_LOG = logging.getLogger(__name__)
_FILE = "sweep.json"
_LOCK = "sweep.lock"


@dataclass(frozen=True)
class SweepRecord:
    """What a sweep's folder tells its jobs, in whatever process; nothing secret, so not the store's address.

    Attributes:
        parent: MLflow's id of the parent run.
        experiment: MLflow's id of the experiment.
        jobs: how many jobs the sweep has so far.
        started: when the first of them could start, in seconds since the epoch.
        numbers: of a sweep that goes on: which job of it each is that the launcher counts from 0.
    """

    parent: str
    experiment: str
    jobs: int
    started: float
    numbers: list[int] | None = None

    def number(self, counted: int) -> int:
        """The number in this sweep of the job to which the launcher gave a number."""
        return counted if self.numbers is None else self.numbers[counted]

    @classmethod
    def read(cls, folder: Path) -> SweepRecord | None:
        """The record in a sweep's folder; None where there is none, as for a single run.

        Raises:
            TrackingError: the file was changed by hand into something else.
        """
        try:
            return cls(**json.loads((folder / _FILE).read_text()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise TrackingError(
                f"{folder / _FILE} is not a sweep's record ({error}). Start the sweep anew, in a new folder."
            ) from error

    def write(self, folder: Path) -> None:
        """Writes the record so that a reader sees the old one or the new one, never a part."""
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f".{_FILE}.{os.getpid()}"
        draft.write_text(f"{json.dumps(asdict(self), indent=2)}\n")
        draft.replace(folder / _FILE)


class Sweep:
    """A sweep under way, held by the process that started it; `recording` is the way to have one.

    Attributes:
        store: where it is recorded.
        folder: the sweep's folder.
        run: the parent run.
        jobs: how many jobs are expected so far.
        started: when it was opened, in seconds since the epoch.
        numbers: see `SweepRecord`.
    """

    def __init__(self, store: Store, folder: Path, run: Run) -> None:
        self.store = store
        self.folder = folder
        self.run = run
        self.jobs = 0
        self.started = time.time()
        self.numbers: list[int] | None = None

    @classmethod
    def open(cls, store: Store, *, folder: Path, overrides: Sequence[str]) -> Sweep:
        """A new sweep with its parent run, which the jobs find through `SweepRecord.read(folder)`.

        Args:
            store: where parent and jobs are recorded.
            folder: the sweep's folder, made if need be; its name becomes the parent run's.
            overrides: what the sweep was asked for, e.g. `["activation=relu,tanh"]`.
        """
        folder = folder.absolute()
        tags = {
            "role": "sweep",
            "sweep": folder.name,
            "folder": str(folder),
            "overrides": masked("\n".join(overrides)),
            "command": masked(shlex.join(sys.argv)),
        }
        run = Run.start(store, name=folder.name, params={}, tags=tags | provenance())
        sweep = cls(store, folder, Run(store, run.id, folder=folder))  # it must have started: its jobs name it
        sweep.expect(0)
        return sweep

    @classmethod
    def go_on(cls, store: Store, stored: StoredRun, numbers: Sequence[int] | None, jobs: int) -> Sweep:
        """A sweep that was begun earlier, with its parent run and its folder.

        Args:
            store: where it is recorded.
            stored: its parent run.
            numbers: those of the jobs that are still to be run, in the order in which they will be started; None if the
                launcher is told the jobs' own.
            jobs: how many jobs it has altogether.
        """
        folder = Path(stored.data.tags["folder"])
        sweep = cls(store, folder, Run.go_on(store, stored, process(), folder))
        sweep.numbers = None if numbers is None else list(numbers)
        sweep.expect(jobs)
        return sweep

    @classmethod
    @contextmanager
    def recording(
        cls, store: Store, folder: Path, begin: Callable[[], Sweep], earlier: str | None = None
    ) -> Iterator[Sweep]:
        """A sweep for the block's length, closed and its table printed however the block ends.

        Args:
            store: where it is recorded; what the dead have left RUNNING there is closed first.
            folder: the sweep's; nobody else can have a sweep in it meanwhile.
            begin: opens the sweep, or goes on with one.
            earlier: the id of the parent run of the sweep that goes on; none of its jobs may still be under way.

        Raises:
            ConfigError: a sweep, or a job of the earlier one, is under way.
            NotDelivered: something that was logged is not in the store yet, and what is to be done.
        """
        with _alone_in(folder), ExitStack() as closing:
            close_dead(store)
            if earlier is not None:
                wait_for_left_behind(store, earlier)
            with interruptions_held():  # there is no moment at which a run is RUNNING and nobody will close it
                sweep = begin()
                closing.enter_context(beating(sweep.run))
                closing.enter_context(sweep._closing())
            yield sweep

    @contextmanager
    def _closing(self) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            self._end_after(error)
            raise
        try:
            self._end(interrupted=False)
        except KeyboardInterrupt as error:
            self._end_after(error)
            raise

    def expect(self, jobs: int) -> None:
        """Adds `jobs` to the number of jobs that the sweep has; called for each batch before it starts."""
        self.jobs += jobs
        self.run.set_tags({"jobs": str(self.jobs)})
        record = SweepRecord(self.run.id, self.store.experiment_id, self.jobs, self.started, self.numbers)
        record.write(self.folder)

    def _end(self, interrupted: bool) -> None:
        """Closes the sweep and prints its table, or leaves both to `deliver` where the store can't be reached.

        Raises:
            NotDelivered: see `recording`.
        """
        try:
            self.report(self.close(interrupted))
        except Exception as error:
            if not unreachable(error):
                raise
            Unclosed(self.store.shown, interrupted, time.time_ns() // 1_000_000).write(self.folder)
            raise not_delivered(self.folder, self.store, error, " and close the sweep") from None
        if outboxes(self.folder):
            raise not_delivered(self.folder, self.store, None)

    def _end_after(self, error: BaseException) -> None:
        """Closes a sweep that was ended by an error, which matters more than one of the store's."""
        try:
            self._end(interrupted=not isinstance(error, Exception))
        except Exception as second:
            _LOG.error("The sweep's end could not be written to %s (%s).", self.store.shown, second)

    def close(self, interrupted: bool, at: int | None = None) -> list[Row]:
        """One row for each job, by number, once what was kept is delivered, the runs have their last status and the
        page is made.

        Jobs that this process, or one of this machine that is gone, left RUNNING become KILLED; of those that ended so
        by themselves it is kept why, if their launcher knows. The parent run becomes KILLED if the sweep was
        interrupted, FINISHED if every job finished, else FAILED.

        Args:
            interrupted: whether the sweep was.
            at: when it ended, in milliseconds since the epoch; now by default.

        Raises:
            Exception: the store can't be reached (see `outage.unreachable`).
        """
        self.run.deliver()
        for outbox in outboxes(self.folder):
            deliver(outbox, self.store)
        children = self.store.children(self.run.id)
        left = [child for child in children if child.info.status == "RUNNING" and _is_over(child)]
        for child in left:
            self._kill(child, interrupted)
        silent = [child for child in children if child.info.status == "KILLED" and "failure" not in child.data.tags]
        for child in silent:
            self._explain(child)
        rows = rows_of(self.store.children(self.run.id) if left or silent else children, self.jobs, self.folder)
        complete = all(row.ended for row in rows)
        self.run.log_texts({artifacts.FAILURES: failures_yaml(rows)})
        self.run.end("KILLED" if interrupted else "FINISHED" if complete else "FAILED", at)
        publish_page(self.store, self.run.id)
        Unclosed.forget(self.folder)
        return rows

    def report(self, rows: Sequence[Row], console: Console | None = None) -> None:
        """Prints `rows` as a table, what they lack because it is not delivered, and where to see more."""
        console = console or Console()
        print_rows(rows, console)
        for outbox in outboxes(self.folder):
            console.print(f"Not delivered: {len(outbox)} writes in {outbox.folder}", soft_wrap=True, style="red")
        served = "after `make ui`" if self.store.is_file else "now"
        link = page_link(self.store, self.run.id)
        console.print(f"In MLflow, {served}: {link}\n", soft_wrap=True, highlight=False)

    def _kill(self, child: StoredRun, interrupted: bool) -> None:
        run = Run(self.store, child.info.run_id)
        gone = child.data.tags["pid"] != process()["pid"]
        told = _told(child) if gone else None
        silent = told or f"its {'process' if gone else 'job'} ended without a word"
        why = "the sweep was interrupted" if interrupted and not gone else silent
        run.set_tags({"failure": child.data.tags.get("failure", why)})
        run.end("KILLED")

    def _explain(self, child: StoredRun) -> None:
        if (told := _told(child)) is not None:
            Run(self.store, child.info.run_id).set_tags({"failure": told})


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / _LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise ConfigError(
            f"A sweep is under way in {folder}. Wait for its end, stop it (Ctrl-C), or give this one a folder of its "
            "own: leave hydra.sweep.dir out."
        ) from None
    try:
        yield
    finally:
        lock.release()


def _is_over(child: StoredRun) -> bool:
    """Whether nobody can be writing to a run: its process is this one, whose jobs are over, or is gone, on this machine
    or on another one, of which the launcher has left word."""
    tags = child.data.tags
    told = _told(child) is not None
    return told or all(tags.get(key) == value for key, value in process().items()) or is_dead(tags)


def _told(child: StoredRun) -> str | None:
    """What its launcher has left word of: how the process of a job's run ended."""
    folder = child.data.tags.get("folder")
    return None if folder is None else read_ending(Path(folder))
