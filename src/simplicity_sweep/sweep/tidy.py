"""The runs that are RUNNING though their sweep's process, or their own, is gone."""

from __future__ import annotations

import logging
import time

from mlflow.entities import Run as StoredRun

from simplicity_sweep.config import ConfigError
from simplicity_sweep.environment import process
from simplicity_sweep.heartbeat import is_dead
from simplicity_sweep.store import Store
from simplicity_sweep.tracking import Run

_LOG = logging.getLogger(__name__)
_LOOK_SECONDS = 0.2
_LEFT_BEHIND_SECONDS = 15.0  # a job in a process of its own ends by itself once its sweep's is gone


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


def wait_for_left_behind(store: Store, parent: str) -> None:
    """Returns once no process is left that runs a job of a sweep whose own process is gone.

    Args:
        store: where the sweep is recorded.
        parent: the id of its parent run.

    Raises:
        ConfigError: a job goes on: on another machine, or for longer than one whose sweep is gone does.
    """
    until = time.monotonic() + _LEFT_BEHIND_SECONDS
    told = False
    while living := [
        run for run in store.children(parent) if run.info.status == "RUNNING" and not is_dead(run.data.tags)
    ]:
        tags = living[0].data.tags
        if time.monotonic() > until or tags.get("host") != process()["host"]:
            raise ConfigError(
                f"resume: job {tags.get('job')} of that sweep is still under way, in process {tags.get('pid')} on "
                f"{tags.get('host')}. Wait for its end, or stop it."
            )
        if not told:
            _LOG.info("%d jobs of the sweep are still ending; it goes on when they have.", len(living))
            told = True
        time.sleep(_LOOK_SECONDS)
