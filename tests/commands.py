"""The real command in a process of its own, and what it leaves in its store."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.forked import Forked
from mlflow import MlflowClient
from mlflow.entities import Run

from tests.conftest import PROJECT
from tests.stores import lay_out


class Command:
    """`python train.py …` under way, its store and outputs in a folder unless the arguments say otherwise.

    The store's tables are there before, which else would be half of what a short run takes.

    Args:
        folder: where it is started, and writes.
        arguments: the command's.
        environment: variables beside this process's own; a `PYTHONPATH` goes before the project's.
    """

    def __init__(self, folder: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        lay_out(folder)
        flags = [argument for argument in arguments if argument.startswith("-")]
        self._arguments = [
            *flags,
            f"tracking.uri=sqlite:///{folder}/mlflow.db",
            f"hydra.sweep.dir={folder}/multirun",
            f"hydra.run.dir={folder}/outputs",
            "report=false",  # which takes seconds; where it is asked for, the later one counts
            *(argument for argument in arguments if argument not in flags),
        ]
        own = dict(environment or {})
        path = [*filter(None, [own.get("PYTHONPATH")]), str(PROJECT / "src"), str(PROJECT)]
        own["PYTHONPATH"] = os.pathsep.join(path)  # of this checkout, whatever is installed
        self._printed = TemporaryDirectory()
        output, errors = (Path(self._printed.name, name) for name in ("out", "err"))
        self._texts = (output, errors)
        self._process = Forked(
            PROJECT / "train.py", self._arguments, folder, {**os.environ, "COLUMNS": "160", **own}, output, errors
        )

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def poll(self) -> int | None:
        """The code with which it has ended, if it has."""
        return self._process.poll()

    def send(self, number: signal.Signals) -> None:
        """Sends it a signal."""
        self._process.send_signal(number)

    def ended(self, seconds: float = 300) -> subprocess.CompletedProcess[str]:
        """How it ended, and what it printed; killed if it doesn't end within so many seconds."""
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired as late:
            self._process.kill()
            self._process.wait()
            late.stdout, late.stderr = (text.read_bytes() for text in self._texts)
            raise
        printed = [text.read_text() for text in self._texts]
        self._printed.cleanup()
        return subprocess.CompletedProcess(self._arguments, code, *printed)


def train(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the command to its end."""
    return Command(folder, *arguments, environment=environment).ended()


@contextmanager
def running(folder: Path, until: Path, *arguments: str) -> Iterator[Command]:
    """The command under way, once the file `until` is there; or ended, if it never came so far."""
    command = Command(folder, *arguments)
    try:
        while not until.exists() and command.poll() is None:
            time.sleep(0.05)
        yield command
    finally:
        if command.poll() is None:
            command.send(signal.SIGKILL)


def left_in(folder: Path) -> set[str]:
    """The names of what commands have left in a folder; the store counts if anything was begun in it."""
    names = {path.name for path in folder.iterdir()}
    with closing(sqlite3.connect(folder / "mlflow.db")) as connection:
        [(experiments,)] = connection.execute("SELECT COUNT(*) FROM experiments WHERE name <> 'Default'")
    return names if experiments else names - {"mlflow.db"}


def runs(folder: Path) -> list[Run]:
    """Every run in the folder's store, the first one first."""
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    [experiment] = [e for e in client.search_experiments() if e.name == "simplicity-sweep"]
    return list(client.search_runs([experiment.experiment_id], order_by=["attributes.start_time ASC"]))


def parent_and_children(folder: Path) -> tuple[Run, list[Run]]:
    """A sweep's run, and those of its jobs by their numbers."""
    [parent] = [run for run in runs(folder) if run.data.tags["role"] == "sweep"]
    children = [run for run in runs(folder) if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    return parent, sorted(children, key=lambda run: int(run.data.tags["job"]))


def points(folder: Path) -> list[tuple[object, ...]]:
    """Every point of every job in the folder's store, with the job's number; what a run's clock says is left out."""
    with closing(sqlite3.connect(folder / "mlflow.db")) as connection:
        return connection.execute(
            "SELECT t.value, m.key, m.step, m.value, m.is_nan FROM metrics m JOIN tags t ON m.run_uuid = t.run_uuid "
            "WHERE t.key = 'job' ORDER BY 1, 2, 3, 4"
        ).fetchall()
