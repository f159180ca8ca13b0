"""The sweep's hold on one worker."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import cloudpickle
from hydra.core.utils import JobReturn

from simplicity_sweep.processes.ending import OUTPUT_FILE, describe, forget_ending, write_ending
from simplicity_sweep.processes.exchange import RETURN_SUFFIX, Job


@dataclass(frozen=True)
class Assignment:
    """A job that a worker was given.

    Attributes:
        number: the Hydra job's.
        folder: the job's.
        gpu: the one that it uses, if any.
        began: when it was given, in seconds of the monotonic clock.
    """

    number: int
    folder: Path
    gpu: str | None
    began: float


class Handle:
    """A worker, from its start to its end.

    Args:
        exchange: the folder through which it is given its job, in the file system of the jobs' folders.
        name: tells it from the others of the sweep.
        environment: variables that it has beside those of this process.
    """

    def __init__(self, exchange: Path, name: str, environment: Mapping[str, str]) -> None:
        self._file = exchange / name
        self._output = exchange / f"{name}.output"
        self.assignment: Assignment | None = None
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "simplicity_sweep.processes.worker", str(exchange)],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
                start_new_session=True,  # a terminal's Ctrl-C reaches us alone, who pass it on: once
            )

    @property
    def pid(self) -> int:
        """The process' id."""
        return self._process.pid

    def give(self, number: int, folder: Path, job: Job) -> None:
        """Has the worker run a job; what it prints goes to the job's folder from now on, earlier lines included."""
        folder.mkdir(parents=True, exist_ok=True)
        forget_ending(folder)
        self._output.replace(folder / OUTPUT_FILE)  # the worker's open file moves along
        self._file.write_bytes(cloudpickle.dumps(job))
        self.assignment = Assignment(number, folder, job.gpu, time.monotonic())
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it is dead already, which will be seen
            self._process.stdin.write(f"{self._file.name}\n".encode())
            self._process.stdin.flush()

    def has_ended(self) -> bool:
        """Whether the process is gone."""
        return self._process.poll() is not None

    def result(self) -> JobReturn | str:
        """What its job returned, once the process has ended; else why there is nothing, which the job's folder keeps.

        What the dead process had started ends too.
        """
        assert self.assignment is not None
        returned = self._file.with_name(f"{self._file.name}{RETURN_SUFFIX}")
        if returned.exists():
            done: JobReturn = pickle.loads(returned.read_bytes())
            returned.unlink()
            return done
        self._signal_group(signal.SIGKILL)
        status = self._process.wait()
        reason = f"its process was {describe(status)}" if status < 0 else f"its process {describe(status)}"
        write_ending(self.assignment.folder, reason)
        return reason

    def interrupt(self) -> None:
        """Ctrl-C for the worker."""
        if not self.has_ended():
            self._process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """Ends the worker and what it started, now."""
        if not self.has_ended():
            self._signal_group(signal.SIGKILL)
        self._process.wait()
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()

    def _signal_group(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):  # nobody is left; macOS says the latter
            os.killpg(self._process.pid, number)
