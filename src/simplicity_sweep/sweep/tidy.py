"""Closing the runs that the dead have left RUNNING."""

from __future__ import annotations

import logging

from mlflow.entities import Run as StoredRun

from simplicity_sweep.heartbeat import is_dead
from simplicity_sweep.store import Store
from simplicity_sweep.tracking import Run

_LOG = logging.getLogger(__name__)


def close_dead(store: Store) -> list[str]:
    """The ids of the runs that were RUNNING though their process is gone: they are KILLED now.

    Runs of which nobody knows whether they are dead (see `heartbeat.is_dead`) are left alone.
    """
    dead = [run for run in under_way(store) if is_dead(run.data.tags)]
    for stored in dead:
        run = Run(store, stored.info.run_id)
        run.set_tags({"failure": stored.data.tags.get("failure", "its process ended without a word")})
        run.end("KILLED")
        _LOG.info("Run %s was left RUNNING by a process that is gone; it is KILLED now.", run.id)
    return [run.info.run_id for run in dead]


def under_way(store: Store) -> list[StoredRun]:
    """The runs that are RUNNING, rightly or not."""
    return store.search("attributes.status = 'RUNNING'")
