"""When a store can't be reached: how that is told from a refusal, when it is tried again, and what is said of it."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from functools import cache
from threading import Lock

from mlflow.exceptions import MlflowException

from simplicity_sweep.outbox import Outbox, deliver_command
from simplicity_sweep.store import Store, reason

_LOG = logging.getLogger(__name__)
_FIRST_SECONDS, _MOST_SECONDS = 1.0, 60.0  # between two tries
_PASSING = {
    "INTERNAL_ERROR",  # what MLflow makes of a refused connection, a timeout and every status from 500 on
    "TEMPORARILY_UNAVAILABLE",
    "DEADLINE_EXCEEDED",
    "REQUEST_LIMIT_EXCEEDED",
    "RESOURCE_EXHAUSTED",
}
_REQUESTS = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}


def unreachable(error: BaseException) -> bool:
    """Whether `error` says that the store can't take a write now, and may later: no connection, no answer, a server's
    own error, a locked, full or broken SQLite file. What the store has understood and refuses is not of that kind.

    Example:
        >>> unreachable(ConnectionRefusedError()), unreachable(MlflowException.invalid_parameter_value("no number"))
        (True, False)
    """
    response = getattr(error, "response", None)  # of an artifact's upload
    if response is not None:
        return response.status_code >= 500 or response.status_code in (408, 429)
    if isinstance(error, MlflowException):
        return error.error_code in _PASSING or _broken(error)
    return isinstance(error, OSError) or _broken(error)


def _broken(error: BaseException) -> bool:
    """Whether SQLite itself fails, as opposed to what it was given."""
    before = error.__cause__ or error.__context__
    return type(error) in (sqlite3.OperationalError, sqlite3.DatabaseError) or (before is not None and _broken(before))


class Outage:
    """Whether a store can be reached, for all runs of a process: one of them finds out, and tries again in time.

    Attributes:
        store: of which it tells.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._lock = Lock()
        self._wait = 0.0  # 0 while the store is there
        self._next = 0.0

    def may_try(self) -> bool:
        """Whether the store should be asked now: it is there, or was last tried long enough ago."""
        with self._lock:
            now = time.monotonic()
            if now < self._next:
                return False
            self._next = now + self._wait  # of several threads, one tries
            return True

    def found(self, error: BaseException, outbox: Outbox) -> None:
        """Notes that the store could not be reached; the first time it says so, and where writes are kept, e.g. in
        `outbox`."""
        with self._lock:
            began = self._wait == 0.0
            self._wait = min(max(_FIRST_SECONDS, 2 * self._wait), _MOST_SECONDS)
            self._next = time.monotonic() + self._wait
        if began:
            _LOG.warning(
                "The tracking store %s can't be reached (%s). Runs go on; what they log is kept in their folders "
                "(here %s) and delivered when the store is back, or later by: %s",
                self.store.shown,
                reason(error),
                outbox.folder.parent,
                deliver_command(outbox.run_folder.parent),
            )

    def over(self) -> None:
        """Notes that the store was reached, and says so after an outage."""
        with self._lock:
            was, self._wait, self._next = self._wait, 0.0, 0.0
        if was:
            _LOG.info("The tracking store %s is back.", self.store.shown)


@cache
def outage_of(store: Store) -> Outage:
    """The one of this process for `store`."""
    return Outage(store)


def ask_briefly(store: Store) -> None:
    """Lets MLflow's requests to a server give up after one try of 10 seconds, where the user has set nothing else: what
    fails is kept and tried again, and MLflow's own tries would hold a run up for minutes."""
    if not store.is_file:
        for name, value in _REQUESTS.items():
            os.environ.setdefault(name, value)
