"""The project's commands as processes that are forked from one that has imported what they need.

Importing takes a command ten times as long as a small sweep. From its first line on, such a process is the real one: it
has its own number, files, signals and end.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_FORKS = multiprocessing.get_context("forkserver")
# They have imported all this, and have done nothing else.
_FORKS.set_forkserver_preload(
    [
        *("hydra.main", "hydra.core.plugins", "simplicity_sweep.task", "simplicity_sweep.sweep.campaign"),
        *("simplicity_sweep.data", "sklearn.datasets", "simplicity_sweep.functional.kernels.compiled"),
        *("simplicity_sweep.report.decision.requirements", "matplotlib.backends.backend_agg"),
    ]
)


class Forked:
    """`python SCRIPT ARGUMENTS` under way.

    Args:
        script: the file of the command.
        arguments: the command's.
        folder: where it is started.
        environment: all its variables; `PYTHONPATH` goes before the path on which modules are found.
        output: the file to which it adds what it prints.
        errors: the one for its standard error, if that is another.
    """

    def __init__(
        self,
        script: Path,
        arguments: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        output: Path,
        errors: Path | None = None,
    ) -> None:
        self._arguments = [str(script), *arguments]
        self._process = _FORKS.Process(
            target=_run, args=(self._arguments, folder, dict(environment), output, errors or output)
        )
        self._process.start()

    @property
    def pid(self) -> int:
        """Its number."""
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """The code with which it has ended, if it has."""
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        """Sends it a signal, if it is still there."""
        with suppress(ProcessLookupError):
            if self.poll() is None:
                os.kill(self.pid, number)

    def kill(self) -> None:
        """Ends it, now."""
        self.send_signal(signal.SIGKILL)

    def wait(self, seconds: float | None = None) -> int:
        """The code with which it ends.

        Raises:
            subprocess.TimeoutExpired: it doesn't, within so many seconds.
        """
        self._process.join(seconds)
        if self._process.exitcode is None:
            assert seconds is not None
            raise subprocess.TimeoutExpired(self._arguments, seconds)
        return self._process.exitcode


def _run(arguments: list[str], folder: Path, environment: dict[str, str], output: Path, errors: Path) -> None:
    """What Python does with `python SCRIPT ARGUMENTS`, in a process that was forked for it."""
    # Ctrl-C is heard also where we ignore it, as whatever a shell starts in the background does.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for descriptor, file in ((1, output), (2, errors)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND), descriptor)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    paths = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    sys.path[:0] = [str(Path(arguments[0]).parent), *paths]
    sys.argv = arguments
    runpy.run_path(arguments[0], run_name="__main__")
