"""A store that is away on command."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mlflow.exceptions import MlflowException

from simplicity_sweep.store import Store

_ASKED = ("create_run", "log_batch", "set_terminated", "get_run", "search_runs", "set_experiment_tag")


class Away:
    """Puts itself between a store's client and its store.

    Attributes:
        now: whether requests fail as they do when nobody listens: nothing is done, and MLflow raises.
        answers_lost: whether they are done, and MLflow raises all the same.
        failed: the names of those that failed, in order.
    """

    def __init__(self, store: Store) -> None:
        self.now = False
        self.answers_lost = False
        self.failed: list[str] = []
        for name in _ASKED:
            setattr(store.client, name, self._between(name, getattr(store.client, name)))

    def _between(self, name: str, request: Callable[..., Any]) -> Callable[..., Any]:
        def asked(*values: Any, **named: Any) -> Any:
            answer = None if self.now else request(*values, **named)
            if self.now or (self.answers_lost and name not in ("get_run", "search_runs")):
                self.failed.append(name)
                raise MlflowException("API request failed with exception [Errno 111] Connection refused")
            return answer

        return asked
