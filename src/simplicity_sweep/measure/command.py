"""The command's three steps: to measure, to show, to record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from hydra.errors import HydraException, InstantiationException
from rich.console import Console

from simplicity_sweep.build import answer_of, build_data, build_plan, device_of
from simplicity_sweep.config import ConfigError
from simplicity_sweep.data import DataError, refuse_other_answers
from simplicity_sweep.functional import labels
from simplicity_sweep.measure.arrays import ArrayData, arrays_of, read_arrays
from simplicity_sweep.measure.configuration import configured
from simplicity_sweep.measure.figures import figures_in_task, figures_of
from simplicity_sweep.measure.subject import from_checkpoint, from_function, read_checkpoint, saved_config
from simplicity_sweep.measure.table import figures_json, print_table
from simplicity_sweep.probe import Answer, Figures, Plan

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
    config = configured(overrides, subject, saved, npz, trust)
    task = config["task"]["name"]
    _refuse_arrays(subject, task, npz)
    device = _device(config["trainer"]["accelerator"])
    store = _store(config["tracking"]) if log else None
    data, answer = _data(config, npz)
    plan = _plan(config, answer)
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
    taken = figures_of if task == "classification" else figures_in_task
    return Measured(taken(found, data, plan, subject), about, config, store)


def _checkpoint(subject: str) -> dict[str, Any] | None:
    """The checkpoint's contents; None where the subject names a function."""
    if ":" in subject and not Path(subject).exists():
        return None
    return read_checkpoint(Path(subject))


def _refuse_arrays(subject: str, task: str, npz: Path | None) -> None:
    if npz is not None and task != "classification":
        raise ConfigError(
            f"--npz {npz}: {subject} is of task={task}, and arrays are for networks that classify. Choose data of "
            "its kind by data=…, or leave --npz out for those of its run."
        )


def _device(accelerator: str) -> torch.device:
    device = device_of(accelerator)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            f"trainer.accelerator = {accelerator!r}: no GPU that torch {torch.__version__} can use. "
            "Use trainer=auto (the GPU where there is one) or trainer=cpu."
        )
    return device


def _plan(config: Mapping[str, Any], answer: Answer) -> Plan:
    try:
        return build_plan(config, answer)
    except InstantiationException as error:
        raise ConfigError(f"measure.measurements: a function can't be had. {error}") from error


def _store(tracking: Mapping[str, str]) -> Store:
    from simplicity_sweep.store import Store, TrackingError  # MLflow takes a second to import

    try:
        return Store.open(tracking["uri"], tracking["experiment"])
    except TrackingError as error:
        raise ConfigError(str(error)) from error


def _data(config: Mapping[str, Any], npz: Path | None) -> tuple[ArrayData, Answer]:
    """What is measured on, and what a network says about it with its outputs."""
    answer: Answer = labels
    if npz is not None:
        data = read_arrays(npz)
    else:
        module = build_data(config)
        refuse_other_answers(config["task"]["name"], module)
        data, answer = arrays_of(module), answer_of(config, module)
    if "train" in config["measure"]["points"] and data.train is None:
        raise ConfigError(
            f"measure.points = {config['measure']['points']}: {npz} holds no train_inputs. Add them, or choose among "
            "the other points, e.g. measure.points=[midpoint,noise]"
        )
    return data, answer
