"""Making the report of recorded sweeps: read from the store, written to a folder, kept with the sweep's run."""

from __future__ import annotations

import json
import logging
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from mlflow.entities import Run as StoredRun

from simplicity_sweep import artifacts
from simplicity_sweep.outage import unreachable
from simplicity_sweep.report.decision.requirements import Requirements, parse
from simplicity_sweep.report.files import PAGE, report_files
from simplicity_sweep.report.reading import read_artifact, read_results
from simplicity_sweep.report.results import ReportError
from simplicity_sweep.store import Store, reason
from simplicity_sweep.tasks import Task
from simplicity_sweep.tracking import Run

_LOG = logging.getLogger(__name__)
_KEPT_IN = "report"  # folder of the sweep, and of its run's artifacts


def make_report(
    store: Store,
    sweeps: Sequence[StoredRun],
    *,
    decide: Mapping[str, Any] | None = None,
    base: str | None = None,
    folder: Path | None = None,
) -> Path:
    """Where the report's page was written.

    The report of one sweep is kept with its parent run, too.

    Args:
        store: where the sweeps are recorded.
        sweeps: their parent runs; several are reported as one.
        decide: `require` and `prefer`: see `requirements.parse`; by default what the first sweep was started with.
        base: the setting that the others are compared with: see `reading.read_results`.
        folder: where to write; by default `report` in the sweep's folder, or in the working folder where the sweep's
            is not on this machine or there are several.

    Raises:
        ReportError: the results, or what is asked, can't be read.
    """
    results = read_results(store, sweeps, base)
    names = [sweep.data.tags.get("sweep", sweep.info.run_id) for sweep in sweeps]
    command = shlex.join(["python", "-m", "simplicity_sweep.report", *names])
    files = report_files(results, _asked(store, sweeps[0], decide, results.task), command)
    folder = folder or _folder(sweeps)
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    for name in files if len(sweeps) == 1 else ():
        Run(store, sweeps[0].info.run_id).log_file(folder / name, Path(_KEPT_IN, name).parent.as_posix())
    return folder / PAGE


def report_at_end(store: Store, sweep: str) -> None:
    """Makes the report of a sweep that has just ended and says where it is; a report that can't be made costs the sweep
    nothing, and what is wrong is said."""
    try:
        print(f"Report: {make_report(store, [store.client.get_run(sweep)])}\n")
    except ReportError as error:
        print(f"No report: {error}\n")
    except Exception as error:
        if unreachable(error):
            print(f"No report: {store.shown} can't be reached ({reason(error)}). Try again with: make report\n")
            return
        _LOG.exception("The report could not be made. Every result is recorded; try again with: make report")


def _asked(store: Store, sweep: StoredRun, decide: Mapping[str, Any] | None, task: Task) -> Requirements | str:
    if decide is None:
        kept = read_artifact(store, sweep.info.run_id, artifacts.DECIDE)
        if kept is None:
            return "The sweep does not say what is asked of a setting. Say it now: --decide balanced"
        decide = yaml.safe_load(kept)
    return parse(**decide, words=task.words)


def _folder(sweeps: Sequence[StoredRun]) -> Path:
    own = Path(sweeps[0].data.tags.get("folder", ""))
    here = len(sweeps) == 1 and own.is_absolute() and _is_of(own, sweeps[0].info.run_id)
    return (own if here else Path.cwd()) / _KEPT_IN


def _is_of(folder: Path, sweep: str) -> bool:
    """Whether a folder says itself that it is the sweep's: a store from elsewhere can name any."""
    try:
        return bool(json.loads((folder / "sweep.json").read_text())["parent"] == sweep)
    except (OSError, ValueError, TypeError, KeyError):
        return False
