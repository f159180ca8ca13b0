"""What MLflow is told about a job when it starts."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

from simplicity_sweep import artifacts
from simplicity_sweep.environment import environment_yaml, provenance
from simplicity_sweep.nn import hidden_sizes
from simplicity_sweep.outage import unreachable
from simplicity_sweep.outbox import RUN_ID_FILE, outboxes
from simplicity_sweep.store import masked
from simplicity_sweep.sweep import SweepRecord, config_hash
from simplicity_sweep.sweep.delivery import not_delivered
from simplicity_sweep.tracking import Run, Store, TrackingError

_WITHOUT_EFFECT = ("decide", "report")  # on what a job measures
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # the same text, four times faster, where libyaml is there
_GROUPS = ("setting", "activation", "depth", "optim", "data", "trainer", "measure")


def start_run(config: Mapping[str, Any], folder: Path) -> Run:
    """The job's MLflow run, a child of its sweep's run if it belongs to one.

    Must be called inside a Hydra job. Records about 20 parameters, the whole resolved configuration, Hydra's overrides
    and the environment, and leaves the run's id in the job's folder.
    """
    hydra = HydraConfig.get()
    sweep = _sweep()
    tracking = config["tracking"]
    store = _store(tracking["uri"], tracking["experiment"], None if sweep is None else sweep.experiment)
    # Where runs are recorded is no setting of theirs, and its address may hold a password.
    overrides = [item for item in hydra.overrides.task if not item.startswith("tracking.")]
    tags = {
        "role": "job",
        "folder": str(folder),
        "overrides": "\n".join(overrides),
        "config_hash": config_hash({key: value for key, value in config.items() if key not in _WITHOUT_EFFECT}),
        **provenance(),
    }
    if sweep is not None:
        tags |= {"job": str(hydra.job.num), "sweep": _sweep_folder().name}
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
    return run


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
    place = f"job {done + 1} of {sweep.jobs}"
    if done == 0:
        return place
    left = (time.time() - sweep.started) / done * (sweep.jobs - done)
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
    depth, data, probe = config["depth"], config["data"], config["measure"]["probe"]["test"]
    sizes = hidden_sizes(depth["hidden_layers"], depth["width"], depth["sizes"])
    return {
        "seed": config["seed"],
        **{group: choices[group] for group in _GROUPS if choices.get(group) is not None},
        "depth.hidden_layers": len(sizes),
        "depth.sizes": "-".join(map(str, sizes)),
        **_plain("activation", config["activation"]),
        **_plain("optim", config["optim"]),
        "data.batch_size": data["batch_size"],
        "data.val_size": data["val_size"],
        "trainer.max_epochs": config["trainer"]["max_epochs"],
        "trainer.accelerator": config["trainer"]["accelerator"],
        "measure.sigma": probe["sigma"],
        "measure.paths": probe["paths"],
    }


def _plain(group: str, factory: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{group}.{key}": value for key, value in factory.items() if not key.startswith("_")}
