"""Which of the recorded runs can stand in one report: those asked for the same, on data that are told apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mlflow.entities import Run as StoredRun

from simplicity_sweep.report.labels import counted
from simplicity_sweep.report.results import ReportError
from simplicity_sweep.tasks import task_of

FINGERPRINT = "data.fingerprint"
"""The tag of a run that tells the tensors it was trained on from others; earlier versions wrote none."""

_SAME_DATA = ("data", "data.val_size")


def refuse_other_tasks(runs: Sequence[StoredRun]) -> None:
    """Return nothing where all runs were asked for the same.

    Raises:
        ReportError: names the tasks, and the sweeps of each: a figure of one has no meaning for the other.
    """
    sweeps: dict[str, set[str]] = {}
    for run in runs:
        sweeps.setdefault(task_of(run.data.params).name, set()).add(_sweep(run))
    if len(sweeps) > 1:
        shown = "; ".join(f"task={task} in {', '.join(sorted(of))}" for task, of in sweeps.items())
        raise ReportError(
            f"The runs differ in what they were asked for ({shown}): their figures can't be compared. Report sweeps of "
            "one task together."
        )


def refuse_other_data(runs: Sequence[StoredRun]) -> None:
    """Return nothing where all sweeps are about the same data; one sweep may vary them.

    Raises:
        ReportError: names each sweep's data and their fingerprints.
    """
    by_sweep: dict[str, list[StoredRun]] = {}
    for run in runs:
        by_sweep.setdefault(_sweep(run), []).append(run)
    named = {frozenset(map(_named, of)) for of in by_sweep.values()}
    known = {frozenset(found) for of in by_sweep.values() if (found := fingerprints(of))}
    if len(named) > 1 or len(known) > 1:
        shown = "; ".join(f"{sweep}: {_shown(of)}" for sweep, of in by_sweep.items())
        raise ReportError(f"The sweeps differ in their data ({shown}). Report each by itself.")


def told_apart(settings: Mapping[str, str], runs: Iterable[StoredRun]) -> dict[str, str]:
    """By run id, the run's setting; where a setting was trained on several data sets, with the fingerprint of its own.

    So runs on other data are settings of their own, and no replicates. A run that says nothing of its data keeps the
    name: it never came to load them, or is of an earlier version.
    """
    found: dict[str, set[str]] = {}
    own = {run.info.run_id: run.data.tags.get(FINGERPRINT, "") for run in runs}
    for run, fingerprint in own.items():
        found.setdefault(settings[run], set()).update({fingerprint} - {""})
    return {
        run: f"{settings[run]} {FINGERPRINT}={fingerprint}" if fingerprint and len(found[settings[run]]) > 1
        else settings[run]
        for run, fingerprint in own.items()
    }  # fmt: skip


def about_data(runs: Sequence[StoredRun]) -> list[str]:
    """What a reader must know of the data of the runs that have finished, in sentences; empty where all are the
    same."""
    finished = [run for run in runs if run.info.status == "FINISHED"]
    known = fingerprints(finished)
    silent = sum(FINGERPRINT not in run.data.tags for run in finished)
    notes = []
    if len(known) > 1:
        notes.append(
            f"The runs are on {len(known)} data sets, whose fingerprints differ ({', '.join(known)}): between settings "
            "of other data a difference is one of the data, too, and no run on other data counts as a replicate."
        )
    if known and silent:
        notes.append(
            f"{counted(silent, 'run')} of an earlier version kept no fingerprint of the data: whether they were the "
            "same is not known."
        )
    return notes


def fingerprints(runs: Iterable[StoredRun]) -> list[str]:
    """Those of the data of some runs, each once, in their order."""
    return list(dict.fromkeys(run.data.tags[FINGERPRINT] for run in runs if FINGERPRINT in run.data.tags))


def _sweep(run: StoredRun) -> str:
    return str(run.data.tags.get("sweep", ""))


def _named(run: StoredRun) -> tuple[str | None, ...]:
    return tuple(run.data.params.get(name) for name in _SAME_DATA)


def _shown(runs: Sequence[StoredRun]) -> str:
    named = sorted({f"{name} with {size} for validation" for name, size in map(_named, runs)})
    known = fingerprints(runs)
    return ", ".join([*named, *([f"fingerprint {', '.join(known)}"] if known else [])])
