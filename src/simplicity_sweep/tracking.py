"""The one place that writes runs to MLflow.

A run carries, besides its parameters and metrics, these tags:

===========  ============================================================  ==========================
tag          meaning                                                       written by
===========  ============================================================  ==========================
start        a name of the run's own, from before the store names it       `Run.start`
role         ``sweep`` for a parent run, ``job`` for each of its children  `Sweep.open`; the job
             ``measure`` for a network that existed already                `measure.record`
job          the Hydra job's number in its sweep                           the job
overrides    the Hydra overrides, one a line                               `Sweep.open`; the job
sweep        name of the sweep's folder                                    `Sweep.open`; the job
folder       output folder, absolute                                       `Sweep.open`; the job
command      the command line that started the sweep                       `Sweep.open`
jobs         how many jobs the sweep has                                   `Sweep.expect`
config_hash  `identity.result_hash` of the resolved configuration          the job
host, pid    machine and process that write the run, and when the process  `environment.provenance`
pid.started  was started
heartbeat    when the process was last known to live                       `heartbeat.beating`
data.*       fingerprint of the data's tensors, and their class weights    the job
diverged     which loss is no number, and since when                       the job
pruned       after how many epochs a search has stopped it, and by what    the job
git.commit   commit of the project's folder, or ``none``                   `environment.provenance`
git.dirty    whether that folder held uncommitted changes, or ``none``     `environment.provenance`
failure      why the run did not finish: type and message, one line        `recording`; `Sweep.close`
failure.at   the file and line that raised it                              `recording`
===========  ============================================================  ==========================
"""

from __future__ import annotations

import getpass
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import RLock
from typing import Literal

# Before anything of MLflow's: it switches off what MLflow would send and print.
from simplicity_sweep.store import Store, TrackingError

# isort: split
from mlflow.entities import Run as StoredRun
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_SOURCE_NAME, MLFLOW_USER
from mlflow.utils.validation import MAX_PARAM_VAL_LENGTH, MAX_TAG_VAL_LENGTH

from simplicity_sweep.outage import ask_briefly, outage_of, unreachable
from simplicity_sweep.outbox import Address, Outbox
from simplicity_sweep.status import PRUNED
from simplicity_sweep.writes import START_TAG, Artifacts, Batch, End, Start, Target, Write

__all__ = ["Run", "Status", "Store", "TrackingError", "cut"]

Status = Literal["FINISHED", "FAILED", "KILLED"]

_OF_AN_END = {"failure", "failure.at", "diverged", PRUNED, "fused"}  # tags
_HELD_SECONDS = 5.0  # what a killed process may lose of its curves


class Run:
    """One run in a store, from its start to its end.

    What is handed to `hold_metrics` and `hold_tags` is written later, together, by a thread of its own, so that nobody
    waits for it; `end` does, and raises what went wrong on the way. Everything else is written at once.

    A run with a folder outlives its store: what the store can't take now is kept in an outbox there, and goes first, in
    its order, when the store is back; see `outbox`. What the store refuses is an error all the same.

    Args:
        store: where it is kept.
        run_id: MLflow's id of it, or its `id` from when it could not be started.
        folder: the run's own, for its outbox, in which something may be kept already; without one, a store that can't
            be reached is an error.
    """

    def __init__(self, store: Store, run_id: str, *, folder: Path | None = None) -> None:
        self._name = run_id
        self._target = Target(store, run_id)
        self._outage = outage_of(store)
        self._outbox = None if folder is None else Outbox.of(folder, run_id)
        if self._outbox:
            self._outbox.open()
            self._target.run = self._outbox.address.run
        self._sending = RLock()
        self._metrics: list[tuple[str, float, int, int]] = []
        self._tags: dict[str, str] = {}
        self._flushed = time.monotonic()
        self._writes: list[Future[None]] = []

    @property
    def store(self) -> Store:
        """Where the run is kept."""
        return self._target.store

    @property
    def id(self) -> str:
        """MLflow's id of the run; of one that could not be started yet, the value of its tag `start`."""
        return self._target.run or self._name

    @classmethod
    def start(
        cls,
        store: Store,
        *,
        name: str,
        params: Mapping[str, object],
        tags: Mapping[str, str],
        parent: str | None = None,
        folder: Path | None = None,
    ) -> Run:
        """A new run with the status RUNNING.

        Args:
            store: where it is kept.
            name: what the run is called in MLflow's pages.
            params: what it was run with, flat; values longer than MLflow keeps (6,000 characters) are cut.
            tags: see the table at the top of this module; values over 8,000 characters are cut.
            parent: id of the run under which this one is shown.
            folder: the run's own; with one, a run can be begun while the store can't be reached.

        Example:
            >>> import tempfile
            >>> store = Store.open(f"sqlite:///{tempfile.mkdtemp()}/mlflow.db", "doctest")
            >>> run = Run.start(store, name="0", params={"optim.lr": 0.1}, tags={"role": "job"})
            >>> run.log_metrics({"val/accuracy": 0.5}, step=0)
            >>> run.end("FINISHED")
            >>> store.client.get_run(run.id).data.metrics
            {'val/accuracy': 0.5}
        """
        own = {MLFLOW_USER: _user(), MLFLOW_SOURCE_NAME: Path(sys.argv[0]).name, START_TAG: uuid.uuid4().hex}
        if parent is not None:
            own[MLFLOW_PARENT_RUN_ID] = parent
        own |= {key: cut(value, MAX_TAG_VAL_LENGTH) for key, value in tags.items()}
        run = cls(store, own[START_TAG], folder=folder)
        run._target.run = None
        run._send(Start(name, own, _milliseconds()))
        run._send(Batch(params={key: cut(str(value), MAX_PARAM_VAL_LENGTH) for key, value in params.items()}))
        return run

    @classmethod
    def go_on(cls, store: Store, stored: StoredRun, tags: Mapping[str, str], folder: Path) -> Run:
        """A run that was cut off or failed, RUNNING again, without what was said of its end.

        Args:
            store: where it is kept.
            stored: the run.
            tags: written over its own.
            folder: the run's own; what is kept there is delivered first.

        Raises:
            Exception: the store can't be reached.
        """
        run = cls(store, str(stored.info.run_id), folder=folder)
        run.deliver()
        run.set_tags(tags)
        for key in _OF_AN_END & stored.data.tags.keys():
            store.client.delete_tag(run.id, key)
        store.client.update_run(run.id, "RUNNING")
        return run

    def points(self) -> dict[tuple[str, int], float]:
        """Every point of its curves, by metric and step."""
        client = self.store.client
        return {
            (key, point.step): point.value
            for key in client.get_run(self.id).data.metrics
            for point in client.get_metric_history(self.id, key)
        }

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Writes `metrics` as the points at `step` of their curves, with what is held.

        NaN is kept; MLflow turns an infinity into the largest float.
        """
        self.hold_metrics(metrics, step)
        self.flush()
        self._wait()

    def hold_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Keeps `metrics` for a later write, of some seconds' metrics: one of a hundred costs little more than one of
        one."""
        now = _milliseconds()
        self._metrics += [(key, float(value), now, step) for key, value in metrics.items()]
        if time.monotonic() - self._flushed > _HELD_SECONDS:
            self.flush()

    def hold_tags(self, tags: Mapping[str, str]) -> None:
        """Keeps `tags` for the next write."""
        self._tags |= tags

    def flush(self) -> None:
        """Has what is held written, without waiting for it.

        Raises:
            MlflowException: an earlier write went wrong.
        """
        self._raise_failures([write for write in self._writes if write.done()])
        metrics, self._metrics = self._metrics, []
        tags, self._tags = self._tags, {}
        self._flushed = time.monotonic()
        if metrics or tags:
            self._writes.append(_writer().submit(self._write, metrics, tags))

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Writes `tags`, over older ones of the same name, with what is held."""
        self.hold_tags(tags)
        self.flush()
        self._wait()

    def _write(self, metrics: Sequence[tuple[str, float, int, int]], tags: Mapping[str, str]) -> None:
        kept = {key: cut(value, MAX_TAG_VAL_LENGTH) for key, value in tags.items()}
        self._send(Batch(metrics=metrics, tags=kept))

    def _wait(self) -> None:
        self._raise_failures(self._writes)

    def _raise_failures(self, writes: Sequence[Future[None]]) -> None:
        """Waits for `writes` and forgets them; raises what the first that went wrong raised."""
        self._writes = [write for write in self._writes if write not in writes]
        for write in writes:
            write.result()

    def log_texts(self, texts: Mapping[str, str]) -> None:
        """Keeps texts as artifacts, by their paths, e.g. `config.yaml` or `environment/packages.txt`."""
        with TemporaryDirectory() as name:
            for path, text in texts.items():
                file = Path(name, path)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
            self._send(Artifacts(Path(name)))

    def log_file(self, path: Path, folder: str | None = None) -> None:
        """Keeps a copy of the file `path` among the run's artifacts, in `folder` of them."""
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such file, which run {self.id} was to keep")
        self._send(Artifacts(path, folder))

    def deliver(self) -> None:
        """Sends what is kept, whether or not it is time to try again, and makes sure that the store is there.

        Raises:
            Exception: the store can't be reached (see `outage.unreachable`), or refuses it.
        """
        with self._sending:
            if self._outbox:
                self._outbox.open()
                self._send_kept(self._outbox)
            self.store.client.get_run(self.id)
            self._outage.over()

    def _send(self, write: Write) -> None:
        """Has `write` done by the store, or kept for it; what is kept already goes first."""
        with self._sending:
            if self._outbox is None:
                write.send(self._target)
                return
            ask_briefly(self.store)
            if not self._outbox and self._outage.may_try() and self._reached(partial(write.send, self._target)):
                return
            late = replace(write, repeated=True) if isinstance(write, Start) else write
            self._outbox.append(late, Address(self.store.shown, self.store.experiment_id, self._target.run))
            if self._outage.may_try():
                self._reached(partial(self._send_kept, self._outbox))

    def _send_kept(self, outbox: Outbox) -> None:
        for _ in outbox.deliver(self._target):
            continue

    def _reached(self, ask: Callable[[], None]) -> bool:
        """Whether the store took what `ask` asks of it; if it can't be reached, that is noted."""
        assert self._outbox is not None
        try:
            ask()
        except Exception as error:
            if not unreachable(error):
                raise
            self._outage.found(error, self._outbox)
            return False
        self._outage.over()
        return True

    def end(self, status: Status, at: int | None = None) -> None:
        """Writes what is held, then the run's last status and its time.

        Args:
            status: how it ended.
            at: when, in milliseconds since the epoch; now by default.

        Raises:
            MlflowException: something could not be written; a run that would be FINISHED is FAILED then.
        """
        try:
            self.flush()
            self._wait()
        except Exception:
            status = "FAILED" if status == "FINISHED" else status
            raise
        finally:
            try:
                self._send(End(status, at or _milliseconds()))
            finally:
                if self._outbox is not None:
                    self._outbox.release()


@cache
def _writer() -> ThreadPoolExecutor:
    """The thread that writes; the process ends when it has written everything."""
    return ThreadPoolExecutor(1, "tracking")


def cut(text: str, length: int) -> str:
    """`text`, with its end replaced by … where it has more than `length` characters.

    Example:
        >>> cut("activation", 5)
        'acti…'
    """
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000


def _user() -> str:
    with suppress(KeyError, OSError, ImportError):  # a container's user may have no name
        return getpass.getuser()
    return "unknown"
