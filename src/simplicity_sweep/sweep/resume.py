"""Going on with a sweep: which one, which of its jobs are done, and which number and folder the others have."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from mlflow.entities import Run as StoredRun

from simplicity_sweep.config import ConfigError
from simplicity_sweep.environment import provenance
from simplicity_sweep.identity import decides_result
from simplicity_sweep.outbox import outboxes
from simplicity_sweep.recorded import find_sweep
from simplicity_sweep.status import status_of
from simplicity_sweep.store import Store, TrackingError
from simplicity_sweep.sweep import SweepRecord
from simplicity_sweep.sweep.delivery import deliver

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Place:
    """One job of a sweep that goes on.

    Attributes:
        job: its number.
        finished: its run, if it is finished.
    """

    job: int
    finished: StoredRun | None = None


def earlier_sweep(store: Store, asked: bool | str, overrides: Sequence[str], folder: Path) -> StoredRun | None:
    """The parent run of the sweep to go on with; None if there is none of this command.

    Args:
        store: where it is recorded.
        asked: the key `resume`: True for the last sweep of the same command, or a sweep's name, folder or id.
        overrides: the command's.
        folder: the sweep's folder, if the command is to use it; a sweep that is there already is the one.

    Raises:
        ConfigError: there is no sweep of that name.
    """
    if isinstance(asked, str):
        try:
            return find_sweep(store, asked)
        except TrackingError as error:
            raise ConfigError(f"resume = {asked!r}: {error}") from error
    if (folder / "sweep.json").is_file():
        return find_sweep(store, str(folder))
    wanted = _command(overrides)
    sweeps = store.search("tags.role = 'sweep'")
    return next((run for run in sweeps if _command(run.data.tags["overrides"].splitlines()) == wanted), None)


def jobs_of(store: Store, earlier: StoredRun) -> list[StoredRun]:
    """The runs of an earlier sweep's jobs, once what it has kept is delivered: it may be the end of one.

    Args:
        store: where it is recorded.
        earlier: its parent run.
    """
    for outbox in outboxes(Path(earlier.data.tags["folder"])):
        deliver(outbox, store)
    return store.children(earlier.info.run_id)


def folder_of(earlier: StoredRun, asked: bool | str) -> Path:
    """The folder of the sweep to go on with.

    Args:
        earlier: its parent run.
        asked: the key `resume`.

    Raises:
        ConfigError: it is on another machine.
    """
    folder = Path(earlier.data.tags["folder"])
    if not folder.is_dir():
        raise ConfigError(
            f"resume = {asked!r}: its folder {folder} is not here. Go on with it on the machine that has it "
            f"({earlier.data.tags.get('host', 'unknown')}), or leave resume out for a new sweep."
        )
    return folder


def refuse_taken(folder: Path) -> None:
    """Returns nothing where a new sweep may write.

    Raises:
        ConfigError: there is one already.
    """
    if SweepRecord.read(folder) is not None:
        raise ConfigError(
            f"hydra.sweep.dir = {str(folder)!r}: there is a sweep in it already. Go on with it by resume=true, or "
            "choose another folder."
        )


def places(children: Iterable[StoredRun], hashes: Sequence[str]) -> list[Place]:
    """Where each job stands, in the jobs' order.

    A job has the number of the run with its hash; those that were never begun have the numbers that are free. Of
    several runs with one hash the finished ones are taken first.

    Args:
        children: the runs of the sweep's jobs.
        hashes: `identity.result_hash` of the jobs.
    """
    known: defaultdict[str, list[StoredRun]] = defaultdict(list)
    used: set[int] = set()
    for run in sorted(children, key=_finished_first, reverse=True):
        if "job" in run.data.tags:
            known[run.data.tags["config_hash"]].append(run)
            used.add(int(run.data.tags["job"]))
    found = [known[key].pop() if known[key] else None for key in hashes]
    free = (number for number in count() if number not in used)
    return [Place(next(free)) if begun is None else _place(begun) for begun in found]


def tell_of_other_code(runs: Iterable[StoredRun]) -> None:
    """Warns where results were made by another version of the code than that which goes on."""
    now = provenance()["git.commit"]
    others = sorted({run.data.tags.get("git.commit", "none") for run in runs} - {now})
    if others:
        _LOG.warning(
            "What there is was made by the code of commit %s; what is missing is made by that of %s.",
            ", ".join(others),
            now,
        )


def _command(overrides: Iterable[str]) -> list[str]:
    return sorted(filter(decides_result, overrides))


def _place(begun: StoredRun) -> Place:
    return Place(int(begun.data.tags["job"]), begun if status_of(begun) == "FINISHED" else None)


def _finished_first(run: StoredRun) -> tuple[bool, int]:
    return (status_of(run) != "FINISHED", int(run.data.tags.get("job", 0)))
