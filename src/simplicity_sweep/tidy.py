"""Closing the runs that the dead have left RUNNING: `make tidy`, or

python -m simplicity_sweep.tidy [--uri URI] [--experiment NAME]
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

from mlflow.entities import Run as StoredRun

from simplicity_sweep.heartbeat import is_dead
from simplicity_sweep.recorded import existing_store
from simplicity_sweep.store import Store, TrackingError
from simplicity_sweep.tracking import Run

_LOG = logging.getLogger(__name__)


def close_dead(store: Store) -> list[str]:
    """The ids of the runs that were RUNNING though their process is gone: they are KILLED now.

    Runs of which nobody knows whether they are dead (see `heartbeat.is_dead`) are left alone.
    """
    dead = [run for run in _running(store) if is_dead(run.data.tags)]
    for stored in dead:
        run = Run(store, stored.info.run_id)
        run.set_tags({"failure": stored.data.tags.get("failure", "its process ended without a word")})
        run.end("KILLED")
        _LOG.info("Run %s was left RUNNING by a process that is gone; it is KILLED now.", run.id)
    return [run.info.run_id for run in dead]


def _running(store: Store) -> list[StoredRun]:
    found: list[StoredRun] = []
    token: str | None = None
    while True:
        page = store.client.search_runs(
            [store.experiment_id], filter_string="attributes.status = 'RUNNING'", page_token=token
        )
        found += page
        token = page.token
        if not token:
            return found


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: says how many runs were closed, and how many are still under way. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m simplicity_sweep.tidy", description=main.__doc__)
    parser.add_argument("--uri", help="the store; by default that of conf/tracking/mlflow.yaml")
    parser.add_argument("--experiment", help="its experiment; by default that of conf/tracking/mlflow.yaml")
    chosen = parser.parse_args(arguments)
    try:
        store = existing_store(chosen.uri, chosen.experiment)
    except TrackingError as error:
        print(error, file=sys.stderr)
        return 1
    closed = close_dead(store)
    print(f"{len(closed)} closed as KILLED, {len(_running(store))} still under way in {store.shown}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
