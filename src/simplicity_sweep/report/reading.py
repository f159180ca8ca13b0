"""A sweep's results, read from MLflow and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path as FilePath
from tempfile import TemporaryDirectory
from typing import cast

import yaml
from mlflow.entities import Run as StoredRun

from simplicity_sweep import artifacts
from simplicity_sweep.report.comparable import (
    FINGERPRINT,
    about_data,
    fingerprints,
    refuse_other_data,
    refuse_other_tasks,
    told_apart,
)
from simplicity_sweep.report.results import Job, JobStatus, Path, ReportError, Results
from simplicity_sweep.report.search.trials import Search
from simplicity_sweep.status import status_of
from simplicity_sweep.store import Store

_BASE = "base"
_SETTING = "setting="
_NO_SETTING = ("seed", "experiment")


def read_results(store: Store, parents: Sequence[StoredRun], base: str | None = None) -> Results:
    """The results of a sweep, or of several on the same data as if they had been one.

    Where a cell was run more than once, the last finished run counts, and a note says how many do not. Runs of a cell
    on other data are another setting: see `comparable.told_apart`.

    Args:
        store: where they are recorded.
        parents: the sweeps' parent runs.
        base: the setting that the others are compared with; by default the one called `base`, else the first one.

    Raises:
        ReportError: the runs differ in their task, or the sweeps in their data; they have no job; or none of the
            settings is `base`.
    """
    begun = [run for parent in parents for run in store.children(parent.info.run_id) if "job" in run.data.tags]
    runs = [run for run in begun if status_of(run) != "PRUNED"]
    if not runs:
        raise ReportError(f"{_name(parents)} has no recorded job. Run it again, or name another sweep.")
    refuse_other_tasks(runs)
    refuse_other_data(runs)
    settings = told_apart(settings_of(runs), runs)
    cells: dict[tuple[str, int], StoredRun] = {}
    for run in sorted(runs, key=_rank):
        cells[settings[run.info.run_id], int(run.data.params.get("seed", 0))] = run
    order = list(dict.fromkeys(settings[run.info.run_id] for run in sorted(runs, key=_number)))
    chosen = _chosen_base(base, order)
    jobs = [
        _job(store, setting, seed, cells[setting, seed])
        for setting, seed in sorted(cells, key=lambda cell: (order.index(cell[0]), cell[1]))
    ]
    example = min((run for cell, run in cells.items() if cell[0] == chosen), key=_number)
    paths = {setting: found for setting in order if (found := _paths(store, setting, jobs))}
    return Results(
        name=_name(parents),
        about=_about(store, parents, list(cells.values()), example),
        base=chosen,
        jobs=jobs,
        notes=(
            *about_data(list(cells.values())),
            *(note for parent in parents for note in _notes(parent, begun)),
            *_pruned(len(begun) - len(runs)),
            *_superseded(runs, len(cells)),
        ),
        paths=paths,
        search=_search(store, parents),
    )


def settings_of(runs: Iterable[StoredRun]) -> dict[str, str]:
    """By run id, what the runs differ in, seeds apart: in the words of the command line, a `setting` by its name.

    Overrides that all runs share are left out, but for a `setting`; where nothing is left, it is `default`.
    """
    asked = {
        run.info.run_id: [
            override
            for override in run.data.tags.get("overrides", "").splitlines()
            if override.lstrip("+").partition("=")[0] not in _NO_SETTING
        ]
        for run in runs
    }
    shared = set.intersection(*(set(overrides) for overrides in asked.values())) if len(asked) > 1 else set()
    return {
        run: " ".join(
            override.removeprefix(_SETTING)
            for override in overrides
            if override not in shared or override.startswith(_SETTING)
        )
        or "default"
        for run, overrides in asked.items()
    }


def read_artifact(store: Store, run: str, name: str) -> str | None:
    """The text of a run's artifact; None if it has none of this name."""
    if name not in {item.path for item in store.client.list_artifacts(run)}:
        return None
    with TemporaryDirectory() as folder:
        return FilePath(store.client.download_artifacts(run, name, folder)).read_text(encoding="utf-8")


def _job(store: Store, setting: str, seed: int, run: StoredRun) -> Job:
    tags, metrics = run.data.tags, run.data.metrics
    curves = {name: _curve(store, run, name) for name in sorted(metrics) if name.startswith(("val/", "train/loss"))}
    return Job(
        setting=setting,
        seed=seed,
        status=cast(JobStatus, run.info.status),
        run=run.info.run_id,
        params=dict(run.data.params),
        data=tags.get(FINGERPRINT, ""),
        figures={name: value for name, value in metrics.items() if not name.startswith("val/")},
        curves=curves,
        undefined={key.removeprefix("undefined/"): why for key, why in tags.items() if key.startswith("undefined/")},
        failure=tags.get("failure"),
    )


def _curve(store: Store, run: StoredRun, name: str) -> list[tuple[int, float]]:
    points = store.client.get_metric_history(run.info.run_id, name)
    return sorted({point.step: point.value for point in points}.items())


def _paths(store: Store, setting: str, jobs: Iterable[Job]) -> list[Path]:
    """The paths of the setting's first finished job."""
    finished = [job for job in jobs if job.setting == setting and job.status == "FINISHED"]
    text = read_artifact(store, finished[0].run, artifacts.PATHS) if finished else None
    return [Path(**path) for path in json.loads(text)] if text else []


def _about(store: Store, parents: Sequence[StoredRun], runs: Sequence[StoredRun], example: StoredRun) -> dict[str, str]:
    """What a reader wants to know of how the figures came about; several values where the runs differ in one."""
    kept = yaml.safe_load(read_artifact(store, example.info.run_id, artifacts.ENVIRONMENT) or "{}")
    of_runs = partial(_distinct, runs)
    machine, versions = kept.get("machine", {}), kept.get("versions", {})
    dirty = any(run.data.tags.get("git.dirty") == "true" for run in runs)
    started = min(parent.info.start_time for parent in parents)
    about = {
        "data": ", ".join(dict.fromkeys(map(_data_of, runs))),
        "data's fingerprint": ", ".join(fingerprints(runs)),
        "epochs": of_runs("trainer.max_epochs"),
        "layers": _distinct([example], "depth.sizes"),
        "optimizer": of_runs("optim"),
        "batch size": of_runs("data.batch_size"),
        "noise σ": of_runs("measure.sigma"),
        "started": datetime.fromtimestamp(started / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "command": "; ".join(parent.data.tags.get("command", "") for parent in parents),
        "code": ", ".join(sorted({run.data.tags.get("git.commit", "none")[:12] for run in runs}))
        + (" with uncommitted changes" if dirty else ""),
        "machine": ", ".join(str(part) for part in (machine.get("cpu"), *machine.get("gpus", [])) if part),
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
        "python": str(kept.get("python", "")),
    }
    return {key: value for key, value in about.items() if value}


def _data_of(run: StoredRun) -> str:
    """The data set's name and, where it is one of a user's own, that of its file or class."""
    params = run.data.params
    source = FilePath(params["data.path"]).name if "data.path" in params else params.get("data.module", "")
    return f"{params.get('data', '')}{f' ({source})' if source else ''}"


def _distinct(runs: Iterable[StoredRun], param: str) -> str:
    return ", ".join(dict.fromkeys(run.data.params[param] for run in runs if param in run.data.params))


def _notes(parent: StoredRun, runs: Sequence[StoredRun]) -> list[str]:
    """What a reader must know of a sweep as a whole."""
    name, tags = parent.data.tags.get("sweep", parent.info.run_id), parent.data.tags
    own = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    expected = int(tags.get("jobs", len(own)))
    ended = sum(run.info.status != "RUNNING" for run in own)
    notes = []
    if parent.info.status == "RUNNING":
        notes.append(f"{name} is still running: {ended} of {expected} jobs have ended.")
    elif len(own) < expected:
        notes.append(f"{expected - len(own)} of {expected} jobs of {name} were never recorded.")
    if parent.info.status == "KILLED":
        notes.append(f"{name} was interrupted.")
    return notes


def _pruned(count: int) -> list[str]:
    if not count:
        return []
    runs = "1 run was" if count == 1 else f"{count} runs were"
    return [f"{runs} pruned: stopped early by the search, and not tested. They are in no table but the search's own."]


def _search(store: Store, parents: Sequence[StoredRun]) -> Search | None:
    """What a sweep tried that is a search; of several that are reported as one nothing."""
    if len(parents) > 1 or "search" not in parents[0].data.tags:
        return None
    described, trials = (
        read_artifact(store, parents[0].info.run_id, name) for name in (artifacts.SEARCH, artifacts.TRIALS)
    )
    return None if described is None or trials is None else Search.read(described, trials)


def _superseded(runs: Sequence[StoredRun], cells: int) -> list[str]:
    more = len(runs) - cells
    return [f"{more} runs were superseded by later ones of the same setting and seed."] if more else []


def _chosen_base(base: str | None, settings: Sequence[str]) -> str:
    if base is None:
        named = [setting for setting in settings if setting.partition(f" {FINGERPRINT}=")[0] == _BASE]
        return named[0] if named else settings[0]
    if base not in settings:
        raise ReportError(f"--base {base}: no such setting. The sweep has: {', '.join(settings)}.")
    return base


def _rank(run: StoredRun) -> tuple[bool, int]:
    return run.info.status == "FINISHED", run.info.start_time


def _number(run: StoredRun) -> tuple[int, int]:
    return run.info.start_time, int(run.data.tags["job"])


def _name(parents: Iterable[StoredRun]) -> str:
    return " + ".join(parent.data.tags.get("sweep", parent.info.run_id) for parent in parents)
