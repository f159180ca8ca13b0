"""How a job's process ended that returned nothing, and where that is kept for the sweep's table."""

from __future__ import annotations

import signal
from pathlib import Path

OUTPUT_FILE = "process.log"
"""The file in a job's folder that holds what its process wrote to standard output and standard error."""

_FILE = "process_end.txt"


class JobProcessError(RuntimeError):
    """A job has no result because of its process: it died, or was never started."""


def describe(status: int) -> str:
    """What a process' exit status says of its end.

    Example:
        >>> describe(-9)
        'killed by SIGKILL (out of memory?)'
        >>> describe(-11)
        'killed by SIGSEGV (Segmentation fault)'
        >>> describe(3)
        'exited with status 3 before its job returned'
    """
    if status >= 0:
        return f"exited with status {status} before its job returned"
    try:
        name, meaning = signal.Signals(-status).name, signal.strsignal(-status)
    except ValueError:  # a real-time signal has no name of its own
        return f"killed by signal {-status}"
    return f"killed by {name} ({'out of memory?' if name == 'SIGKILL' else meaning})"


def write_ending(folder: Path, reason: str) -> None:
    """Keeps one line on how a job's process ended, in the job's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _FILE).write_text(f"{reason}\n")


def read_ending(folder: Path) -> str | None:
    """That line; None where no process died.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> write_ending(folder, "its process was killed by SIGKILL (out of memory?)")
        >>> read_ending(folder)
        'its process was killed by SIGKILL (out of memory?)'
    """
    try:
        return (folder / _FILE).read_text().strip()
    except FileNotFoundError:
        return None


def forget_ending(folder: Path) -> None:
    """Removes it: the job is started anew."""
    (folder / _FILE).unlink(missing_ok=True)
