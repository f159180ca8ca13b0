"""The command's three steps: to measure, to show, to record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from hydra.errors import HydraException, InstantiationException
from rich.console import Console

from simplicity_sweep.build import build_data, build_plan, device_of
from simplicity_sweep.config import ConfigError
from simplicity_sweep.data import DataError, TensorData, refuse_other_answers
from simplicity_sweep.measure.arrays import ArrayData, arrays_of, read_arrays
from simplicity_sweep.measure.configuration import configured
from simplicity_sweep.measure.figures import figures_of
from simplicity_sweep.measure.subject import from_checkpoint, from_function, read_checkpoint, saved_config
from simplicity_sweep.measure.table import figures_json, print_table
from simplicity_sweep.probe import Figures, Plan

if TYPE_CHECKING:
    from simplicity_sweep.store import Store

REFUSALS = (ConfigError, DataError, HydraException)
"""What is raised where something can't be measured or recorded; the message says all that a user needs."""


@dataclass(frozen=True)
class Measured:
    """What was measured, of what, and how.

    Attributes:
        about: in short, for people: subject, data, number of inputs, seed.
        config: the resolved configuration.
        store: where it is recorded; None where that was not asked for.
    """

    figures: Figures
    about: Mapping[str, Any]
    config: Mapping[str, Any]
    store: Store | None

    def show(self, *, as_json: bool) -> None:
        """Prints the figures to standard output: a table, or JSON."""
        if as_json:
            print(figures_json(self.figures, self.about))
        else:
            print_table(self.figures, self.about, Console())

    def record(self) -> str:
        """Records the figures as an MLflow run; returns where, for a person to read."""
        from simplicity_sweep.measure.record import record

        assert self.store is not None
        return record(self.store, self.figures, self.about, self.config)


def measure(
    subject: str, overrides: Sequence[str], npz: Path | None = None, *, trust: Sequence[str] = (), log: bool = False
) -> Measured:
    """What is measured of a network.

    Args:
        subject: a checkpoint's path, or module:function.
        overrides: Hydra's, of the keys that concern measuring.
        npz: a file with arrays to measure on, instead of a data set of ours.
        trust: packages whose code the configuration, a checkpoint's too, may name.
        log: whether this will be recorded; a store that can't be opened is then refused before anything is measured.

    Raises:
        one of `REFUSALS`: an argument can't be used, or the network can't be evaluated. Nothing has been written, but
            for a data set that was fetched and a new, empty store.
    """
    checkpoint = _checkpoint(subject)
    saved = None if checkpoint is None else saved_config(checkpoint, subject)
    _refuse_other_tasks(subject, saved or {})
    config = configured(overrides, subject, saved, npz, trust)
    device = _device(config["trainer"]["accelerator"])
    plan = _plan(config)
    store = _store(config["tracking"]) if log else None
    data = _data(config, npz)
    if checkpoint is None or saved is None:
        found = from_function(subject, config["seed"]).to(device)
    else:
        found = from_checkpoint(checkpoint, {**config, "seed": saved["seed"]}).to(device)
    data = data.to(device, found.dtype)
    about = {
        "subject": subject,
        "data": str(npz or config["data"]["_target_"].rpartition(".")[2]),
        "inputs": len(data.test.inputs),
        "seed": config["seed"],
    }
    return Measured(figures_of(found, data, plan, subject), about, config, store)


def _checkpoint(subject: str) -> dict[str, Any] | None:
    """The checkpoint's contents; None where the subject names a function."""
    if ":" in subject and not Path(subject).exists():
        return None
    return read_checkpoint(Path(subject))


def _refuse_other_tasks(subject: str, saved: Mapping[str, Any]) -> None:
    task = saved.get("task", {}).get("name", "classification")
    if task != "classification":
        raise ConfigError(
            f"{subject} is of task={task}: networks that classify are measured here. Its figures stand in the MLflow "
            "run that trained it."
        )


def _device(accelerator: str) -> torch.device:
    device = device_of(accelerator)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            f"trainer.accelerator = {accelerator!r}: no GPU that torch {torch.__version__} can use. "
            "Use trainer=auto (the GPU where there is one) or trainer=cpu."
        )
    return device


def _plan(config: Mapping[str, Any]) -> Plan:
    try:
        return build_plan(config)
    except InstantiationException as error:
        raise ConfigError(f"measure.measurements: a function can't be had. {error}") from error


def _store(tracking: Mapping[str, str]) -> Store:
    from simplicity_sweep.store import Store, TrackingError  # MLflow takes a second to import

    try:
        return Store.open(tracking["uri"], tracking["experiment"])
    except TrackingError as error:
        raise ConfigError(str(error)) from error


def _classified(data: TensorData) -> TensorData:
    refuse_other_answers("classification", data)
    return data


def _data(config: Mapping[str, Any], npz: Path | None) -> ArrayData:
    data = read_arrays(npz) if npz is not None else arrays_of(_classified(build_data(config)))
    if "train" in config["measure"]["points"] and data.train is None:
        raise ConfigError(
            f"measure.points = {config['measure']['points']}: {npz} holds no train_inputs. Add them, or choose among "
            "the other points, e.g. measure.points=[midpoint,noise]"
        )
    return data
