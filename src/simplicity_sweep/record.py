"""What MLflow is told about a job when it starts."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from mlflow.entities import Run as StoredRun
from mlflow.exceptions import MlflowException

from simplicity_sweep import artifacts
from simplicity_sweep.architecture import asked, depth_taken
from simplicity_sweep.checkpoints import FOLDER, LAST, is_whole
from simplicity_sweep.config import ConfigError
from simplicity_sweep.credentials import masked
from simplicity_sweep.environment import environment_yaml, provenance
from simplicity_sweep.heartbeat import is_dead
from simplicity_sweep.identity import decides_result, result_hash
from simplicity_sweep.nn import hidden_sizes
from simplicity_sweep.outage import unreachable
from simplicity_sweep.outbox import RUN_ID_FILE, outboxes
from simplicity_sweep.processes.ending import forget_ending
from simplicity_sweep.status import status_of
from simplicity_sweep.sweep import SweepRecord
from simplicity_sweep.sweep.delivery import not_delivered
from simplicity_sweep.sweep.resume import tell_of_other_code
from simplicity_sweep.tasks import task_of
from simplicity_sweep.tracking import Run, Store, TrackingError

_LOG = logging.getLogger(__name__)
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # the same text, four times faster, where libyaml is there
_GROUPS = ("setting", "model", "activation", "depth", "optim", "data", "trainer", "measure")
_OURS = "simplicity_sweep."


@dataclass(frozen=True)
class Begun:
    """A job's run, under way.

    Attributes:
        run: the MLflow run.
        folder: the job's own, where its checkpoints are.
        points: what its curves hold already, by metric and step; empty unless it goes on.
        checkpoint: the one that it goes on from.
        result: what a run that is finished already returned: see `tasks.Task.objective`.
    """

    run: Run
    folder: Path
    points: Mapping[tuple[str, int], float] = field(default_factory=dict)
    checkpoint: Path | None = None
    result: float | None = None


def begin_run(config: Mapping[str, Any], folder: Path) -> Begun:
    """The job's MLflow run, a child of its sweep's run if it belongs to one.

    Must be called inside a Hydra job. Records about 20 parameters, the whole resolved configuration, Hydra's overrides
    and the environment, and leaves the run's id in the job's folder. With `resume`, a run of the same job that was cut
    off goes on instead.

    Raises:
        ConfigError: that run is still under way.
    """
    forget_ending(folder)  # of an earlier process, which another launcher may have started
    hydra = HydraConfig.get()
    sweep = _sweep()
    tracking = config["tracking"]
    store = _store(tracking["uri"], tracking["experiment"], None if sweep is None else sweep.experiment)
    # Where a run is recorded, for example, is no setting of it.
    overrides = list(filter(decides_result, hydra.overrides.task))
    tags = {
        "role": "job",
        "folder": str(folder),
        "overrides": "\n".join(overrides),
        "config_hash": result_hash(config),
        **provenance(),
    }
    if sweep is not None:
        tags |= {"job": str(sweep.number(hydra.job.num)), "sweep": _sweep_folder().name}
    if config["resume"] and (stored := _begun_before(store, config, folder, tags["config_hash"], alone=sweep is None)):
        return _go_on(store, stored)
    run = Run.start(
        store,
        name=" ".join(overrides) or "default",
        params=chosen_parameters(config, hydra.runtime.choices),
        tags=tags,
        parent=None if sweep is None else sweep.parent,
        folder=folder,
    )
    (folder / RUN_ID_FILE).write_text(f"{run.id}\n")
    run.log_texts(
        {
            artifacts.CONFIG: yaml.dump(shown(config), Dumper=_DUMPER, sort_keys=False),
            artifacts.OVERRIDES: "\n".join(overrides) + "\n",
            artifacts.ENVIRONMENT: environment_yaml(),
        }
    )
    return Begun(run, folder)


def _begun_before(
    store: Store, config: Mapping[str, Any], folder: Path, result: str, *, alone: bool
) -> StoredRun | None:
    """The run with this result that was begun in this folder, or is the single run to go on with."""
    stored: StoredRun | None = None
    if alone and isinstance(config["resume"], str):
        stored = _named(store, config["resume"])
        if stored.data.tags.get("config_hash") != result:
            raise ConfigError(
                f"resume = {config['resume']!r}: that run has another configuration. Give the same command again, or "
                "leave resume out for a new run."
            )
    elif _kept_id(folder):
        stored = _named(store, str(folder))
        if stored.data.tags.get("config_hash") != result:
            return None
    else:  # it may have been killed before it could leave its id in the folder
        same = store.search(f"tags.role = 'job' and tags.config_hash = '{result}'")
        stored = next((run for run in same if run.data.tags["folder"] == str(folder)), None)
        if stored is None and alone:
            stored = next((run for run in same if "job" not in run.data.tags), None)
    if stored is None:
        return None
    if stored.info.status == "RUNNING" and not is_dead(stored.data.tags):
        raise ConfigError(
            f"resume = {config['resume']!r}: run {stored.info.run_id} is still under way, in process "
            f"{stored.data.tags.get('pid')} on {stored.data.tags.get('host')}. Wait for its end, or stop it."
        )
    return stored


def _named(store: Store, name: str) -> StoredRun:
    """The run of this id, or whose folder this is."""
    try:
        return store.client.get_run(_kept_id(Path(name)) or name)
    except MlflowException as error:
        raise ConfigError(
            f"resume = {name!r}: no such run in {store.shown}. Give MLflow's id of the run or its folder, or "
            "resume=true for the last one of the same command."
        ) from error


def _kept_id(folder: Path) -> str:
    """MLflow's id of the run in a folder; empty where there is none."""
    kept = folder / RUN_ID_FILE
    return kept.read_text().strip() if kept.is_file() else ""


def _go_on(store: Store, stored: StoredRun) -> Begun:
    """The run goes on where its last checkpoint was written; from its beginning if there is none that can be read."""
    folder = Path(stored.data.tags["folder"])
    if status_of(stored) == "FINISHED":
        _LOG.info("Run %s is finished already.", stored.info.run_id)
        return Begun(
            Run(store, stored.info.run_id), folder, result=task_of(stored.data.params).objective(stored.data.metrics)
        )
    tell_of_other_code([stored])
    run = Run.go_on(store, stored, provenance(), folder)
    checkpoint = folder / FOLDER / LAST
    if is_whole(checkpoint):
        _LOG.info("Goes on from %s", checkpoint)
        return Begun(run, folder, run.points(), checkpoint)
    _LOG.info("No checkpoint of run %s can be read: it starts from its beginning.", run.id)
    shutil.rmtree(folder / FOLDER, ignore_errors=True)
    return Begun(run, folder, run.points())


def settle(run: Run, folder: Path) -> None:
    """Delivers what a run without a sweep has kept in `folder`; a sweep does so at its end, for all of its runs.

    Raises:
        NotDelivered: the store can't be reached; the message says what is to be done.
    """
    if _sweep() is not None or not outboxes(folder):
        return
    try:
        run.deliver()
    except Exception as error:
        if not unreachable(error):
            raise
        raise not_delivered(folder, run.store, error) from None


def shown(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration as it may be kept: a password in the store's address is masked."""
    tracking = config["tracking"]
    return {**config, "tracking": {**tracking, "uri": masked(tracking["uri"])}}


def place_in_sweep() -> str:
    """Which job this is, of how many, and how long the rest will take if it goes on so, for a person to read.

    Must be called inside a Hydra job. Empty for a single run; no time is given before a first job has ended.
    """
    sweep = _sweep()
    if sweep is None:
        return ""
    done = int(HydraConfig.get().job.num)
    place = f"job {sweep.number(done) + 1} of {sweep.jobs}"
    if done == 0:
        return place
    jobs = sweep.jobs if sweep.numbers is None else len(sweep.numbers)
    left = (time.time() - sweep.started) / done * (jobs - done)
    return f"{place}, about {timedelta(seconds=round(left))} left"


@cache
def _store(uri: str, experiment: str, known: str | None) -> Store:
    """Opened once for all jobs of a process; a sweep has opened it before, and it may be away, if an id is `known`."""
    try:
        return Store.open(uri, experiment)
    except TrackingError:
        if known is None:
            raise
        return Store.at(uri, known)


def _sweep_folder() -> Path:
    return Path(HydraConfig.get().sweep.dir).absolute()


def _sweep() -> SweepRecord | None:
    return SweepRecord.read(_sweep_folder()) if HydraConfig.get().mode == RunMode.MULTIRUN else None


def chosen_parameters(config: Mapping[str, Any], choices: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters worth a column of their own: what was chosen in each group, and its numbers.

    Everything else stands in the artifact `config.yaml`.
    """
    data, probe = config["data"], config["measure"]["probe"]["test"]
    untaken, numbers = _of_network(config)
    return {
        "seed": config["seed"],
        "task": config["task"]["name"],
        **{group: choices[group] for group in _GROUPS if choices.get(group) is not None and group not in untaken},
        **_plain("model", config["model"]),
        **numbers,
        **_plain("optim", config["optim"]),
        **{f"data.{key}": data[key] for key in ("path", "batch_size", "val_size") if key in data},
        **({} if data["_target_"].startswith(_OURS) else {"data.module": data["_target_"]}),
        "trainer.max_epochs": config["trainer"]["max_epochs"],
        "trainer.accelerator": config["trainer"]["accelerator"],
        "measure.sigma": probe["sigma"],
        "measure.paths": probe["paths"],
    }


def _of_network(config: Mapping[str, Any]) -> tuple[set[str], dict[str, Any]]:
    """The groups that the network takes nothing of, and the numbers of those that it does."""
    depth, keys = config["depth"], depth_taken(config["model"])
    sizes = hidden_sizes(depth["hidden_layers"], depth["width"], depth["sizes"])
    numbers: dict[str, Any] = {}
    if "hidden_layers" in keys:
        numbers["depth.hidden_layers"] = len(sizes)
    if "sizes" in keys:
        numbers["depth.sizes"] = "-".join(map(str, sizes))
    elif "width" in keys:
        numbers["depth.width"] = depth["width"]
    takes_activation = "activation" in asked(config["model"])
    if takes_activation:
        numbers |= _plain("activation", config["activation"])
    return {group for group, taken in (("depth", keys), ("activation", takes_activation)) if not taken}, numbers


def _plain(group: str, factory: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{group}.{key}": value for key, value in factory.items() if not key.startswith("_")}
