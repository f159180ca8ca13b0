"""Telling a run that is being written from one whose process is dead."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from simplicity_sweep.environment import process, started
from simplicity_sweep.tracking import Run

HEARTBEAT = "heartbeat"
"""The tag that says when a run's process was last known to live, in whole seconds since the epoch."""

BEAT_SECONDS = 60.0
SILENT_SECONDS = 15 * 60.0
"""After how long a silence a process on another machine counts as dead."""

_LOG = logging.getLogger(__name__)


class _Heart:
    """One thread that tags the process's open runs, as long as there are any."""

    def __init__(self) -> None:
        self._runs: list[Run] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, run: Run) -> None:
        with self._changed:
            self._runs.append(run)
            if self._thread is None:
                self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
                self._thread.start()

    def remove(self, run: Run) -> None:
        with self._changed:
            self._runs.remove(run)
            self._changed.notify()

    def _beat(self) -> None:
        with self._changed:
            while self._runs:
                if not self._changed.wait(BEAT_SECONDS):
                    self._tag(list(self._runs))
            self._thread = None

    def _tag(self, runs: list[Run]) -> None:
        now = str(int(time.time()))
        for run in runs:
            try:
                run.store.client.set_tag(run.id, HEARTBEAT, now)
            except Exception as error:  # a store that is away for a while is no reason to stop living
                _LOG.debug("No heartbeat of run %s: %s", run.id, error)
                return


_HEART = _Heart()


@contextmanager
def beating(run: Run) -> Iterator[None]:
    """Within the block, `run` says every minute that its process lives."""
    _HEART.add(run)
    try:
        yield
    finally:
        _HEART.remove(run)


def is_dead(tags: Mapping[str, str], now: float | None = None) -> bool:
    """Whether the process that wrote a run with these tags is gone.

    Of a process on this machine the system knows. One on another machine counts as dead once its heartbeat has been
    silent for a quarter of an hour; a run without a heartbeat says nothing, so it isn't. An earlier start of the
    Slurm job that asks is over, wherever it was.

    Args:
        tags: a run's.
        now: the time, in seconds since the epoch; by default that of the clock.

    Example:
        >>> from simplicity_sweep.environment import process
        >>> is_dead(process())
        False
        >>> is_dead({"host": "elsewhere", "pid": "1", "heartbeat": "1000"}, now=3000)
        True
    """
    host, pid = tags.get("host"), tags.get("pid")
    if host is None or pid is None:
        return False
    here = process()
    if "slurm.job" in here and here["slurm.job"] == tags.get("slurm.job"):
        return here["slurm.start"] != tags.get("slurm.start")
    if host == here["host"]:
        return not _exists(int(pid)) or started(int(pid)) != tags.get("pid.started", started(int(pid)))
    beat = tags.get(HEARTBEAT)
    return beat is not None and (time.time() if now is None else now) - int(beat) > SILENT_SECONDS


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # someone else's
        return True
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (OSError, IndexError):
        return False
