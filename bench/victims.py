"""A small sweep and an MLflow server, as real processes that `faults.py` disturbs and looks at from outside."""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from bench.forked import Forked

PROJECT = Path(__file__).resolve().parents[1]
JOBS = 4
ASKED = ["data=digits", "trainer=cpu", "activation=relu,tanh", "seed=0,1", "report=false"]
ENVIRONMENT = {
    **os.environ,
    "OMP_NUM_THREADS": "1",  # launchers give their jobs different numbers of threads, and bits depend on it
    "NO_PROXY": "127.0.0.1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}
_START_SECONDS = 120.0

Points = dict[tuple[str, int], list[float]]
"""The values of one job, by metric and step: one each, if nothing is doubled."""


class Server:
    """MLflow's own; it may be killed and started again.

    Args:
        folder: where its artifacts and its log are.
        store: the address of a database; by default the SQLite file `database` in the folder.
    """

    def __init__(self, folder: Path, store: str | None = None) -> None:
        self.folder = folder
        self.database = folder / "served.db"
        self._store = store or f"sqlite:///{self.database}"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it, and returns once it answers.

        Raises:
            RuntimeError: it doesn't; the message is its log.
        """
        command = [
            *(sys.executable, "-m", "mlflow", "server", "--workers", "1", "--host", "127.0.0.1"),
            *("--port", str(self.port), "--backend-store-uri", self._store),
            *("--artifacts-destination", str(self.folder / "served")),
        ]
        log = self.folder / "server.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command, cwd=self.folder, env=ENVIRONMENT, stdout=output, stderr=output, start_new_session=True
            )
        until = time.monotonic() + _START_SECONDS
        while self._process.poll() is None and time.monotonic() < until:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                    return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError(log.read_text())

    def kill(self) -> None:
        """Ends it and its workers, now."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


@dataclass
class Sweep:
    """One sweep, in a folder and a store, and every command that goes on with it.

    Attributes:
        folder: for everything.
        launcher: `fused` or `processes`.
        server: before the store, which else is a file.
        epochs: how long its jobs train.
        name: of the sweep's own folder.
        attempts: how often it was started.
        ended: when each run ended that was FINISHED, by the run's id.
        running: the runs that are RUNNING, or were left so, and the process of each.
    """

    folder: Path
    launcher: str
    server: Server | None = None
    epochs: int = 10
    name: str = "sweep"
    attempts: int = 0
    ended: dict[str, int] = field(default_factory=dict)
    running: set[tuple[str, str]] = field(default_factory=set)

    @property
    def database(self) -> Path:
        """The file with the store's tables."""
        return self.server.database if self.server else self.folder / "mlflow.db"

    @property
    def log(self) -> Path:
        """What the last attempt printed."""
        return self.folder / f"{self.attempts}.log"

    def start(self) -> Forked:
        """Starts the sweep, or goes on with it."""
        uri = self.server.uri if self.server else f"sqlite:///{self.database}"
        where = [f"tracking.uri={uri}", f"hydra.sweep.dir={self.folder}/{self.name}"]
        how = [f"hydra/launcher={self.launcher}", f"trainer.max_epochs={self.epochs}"]
        again = ["resume=true"] if self.attempts else []
        self.attempts += 1
        self.folder.mkdir(exist_ok=True)
        return Forked(PROJECT / "train.py", ["-m", *where, *how, *ASKED, *again], PROJECT, ENVIRONMENT, self.log)

    def deliver(self) -> subprocess.Popen[bytes]:
        """Starts the command that delivers what runs have kept."""
        command = [sys.executable, "-m", "simplicity_sweep.sweep", "deliver", str(self.folder / self.name)]
        with self.log.open("ab") as output:
            return subprocess.Popen(command, cwd=PROJECT, env=ENVIRONMENT, stdout=output, stderr=output)

    def processes(self, process: Forked) -> list[int]:
        """The numbers of the processes in which its jobs run, or wait to."""
        return children_of(process.pid)

    def at_work(self) -> list[int]:
        """The processes in whose command its folder is named: workers, those of an earlier attempt included (Linux)."""
        return list(_that_name(self.folder))

    def checkpoints(self) -> list[Path]:
        """Those from which jobs go on."""
        return sorted((self.folder / self.name).glob("*/checkpoints/last.ckpt"))

    def statuses(self) -> dict[str, tuple[str, str, int]]:
        """Role, status and end of each run, by its id."""
        rows = self._rows(
            "SELECT r.run_uuid, t.value, r.status, COALESCE(r.end_time, 0) "
            "FROM runs r JOIN tags t ON r.run_uuid = t.run_uuid WHERE t.key = 'role'"
        )
        return {run: (role, status, end) for run, role, status, end in rows}

    def under_way(self) -> set[tuple[str, str]]:
        """The runs that are RUNNING, rightly or not, and the process of each."""
        rows = self._rows(
            "SELECT r.run_uuid, t.value FROM runs r JOIN tags t ON r.run_uuid = t.run_uuid "
            "WHERE t.key = 'pid' AND r.status = 'RUNNING'"
        )
        return {(run, pid) for run, pid in rows}

    def stored(self) -> int:
        """How many points of metrics there are."""
        counts = self._rows("SELECT COUNT(*) FROM metrics")
        return counts[0][0] if counts else 0

    def points(self, *statuses: str) -> dict[str, Points]:
        """Every point of the runs with one of these statuses, by the job's number."""
        found: dict[str, Points] = defaultdict(lambda: defaultdict(list))
        for job, status, key, step, value in self._rows(
            "SELECT t.value, r.status, m.key, m.step, m.value FROM metrics m JOIN tags t ON m.run_uuid = t.run_uuid "
            "JOIN runs r ON r.run_uuid = m.run_uuid WHERE t.key = 'job'"
        ):
            if status in statuses:
                found[job][key, step].append(value)
        return found

    def _rows(self, query: str) -> list[tuple]:  # type: ignore[type-arg]
        if not self.database.is_file():  # not made yet
            return []
        with closing(sqlite3.connect(self.database, timeout=30)) as connection:
            try:
                return connection.execute(query).fetchall()
            except sqlite3.OperationalError as error:
                if "no such table" not in str(error):  # not made yet
                    error.add_note(f"{error.sqlite_errorname}, of {self.database}")
                    raise
                return []


def children_of(pid: int) -> list[int]:
    """The processes that a process has started and that live (Linux)."""
    return list(_children(pid))


def _children(pid: int) -> Iterator[int]:
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = path.read_text()
        except OSError:  # it has ended
            continue
        state, parent = re.split(r"\s+", text.rpartition(")")[2].strip())[:2]
        if int(parent) == pid and state != "Z":
            yield int(path.parent.name)


def _that_name(folder: Path) -> Iterator[int]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended
            if f"{folder}/".encode() in path.read_bytes():
                yield int(path.parent.name)
