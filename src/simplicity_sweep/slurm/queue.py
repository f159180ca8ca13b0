"""What Slurm says of our jobs."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Iterable
from pathlib import Path

_LOG = logging.getLogger(__name__)
_ANSWER_SECONDS = 60
_OVER = {
    *("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED"),
    *("REVOKED", "TIMEOUT"),
}
_SENT = "_submitted.pkl"  # submitit's
GONE = "GONE"
"""The state of a job that Slurm has forgotten: it ended minutes ago."""


def states() -> dict[str, str] | None:
    """The state of each of the user's jobs, by the name that submitit knows it by, e.g. `12_0`.

    Those that ended are there for minutes; no accounting is needed. None if Slurm doesn't answer just now.
    """
    command = ["squeue", "--me", "-h", "-r", "-t", "all", "-o", "%i %T"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_ANSWER_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        _LOG.debug("squeue: %s", error)
        return None
    return dict(line.split() for line in done.stdout.splitlines())


def is_over(state: str) -> bool:
    """Whether a job in that state runs no more, unless Slurm itself is about to requeue it.

    Example:
        >>> is_over("FAILED"), is_over("PENDING"), is_over("REQUEUED")
        (True, False, False)
    """
    return state == GONE or state in _OVER


def left_in(exchange: Path) -> list[str]:
    """The Slurm jobs that a sweep which is gone has left waiting or running.

    Args:
        exchange: the folder in which its Slurm jobs find what they are to do.
    """
    sent = [file.name.removesuffix(_SENT) for file in exchange.glob(f"*{_SENT}")]
    known = (states() or {}) if sent else {}
    return sorted(job for job in sent if not is_over(known.get(job, GONE)))


def cancel(jobs: Iterable[str]) -> None:
    """Ends them: SIGTERM, and SIGKILL once Slurm's patience is over; says so where Slurm doesn't hear it."""
    names = list(jobs)
    if not names:
        return
    try:
        subprocess.run(["scancel", *names], capture_output=True, text=True, timeout=_ANSWER_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        if states() is not None:  # some had ended already, no more
            return
        told = (getattr(error, "stderr", "") or str(error)).strip()
        _LOG.warning("Slurm jobs could not be cancelled (%s). End them later: scancel %s", told, " ".join(names))
