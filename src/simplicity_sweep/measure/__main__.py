"""Measure a network that exists already.

python -m simplicity_sweep.measure CHECKPOINT [overrides]
python -m simplicity_sweep.measure module:function data=mnist [overrides]
python -m simplicity_sweep.measure module:function --npz my_data.npz [overrides]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from rich.console import Console

from simplicity_sweep.build import build_data, build_plan, device_of
from simplicity_sweep.config import ConfigError, check
from simplicity_sweep.data import DataError
from simplicity_sweep.environment import provenance
from simplicity_sweep.functional import labels, mean_over_inputs, outputs_of
from simplicity_sweep.measure.arrays import KEYS, ArrayData, arrays_of, read_arrays
from simplicity_sweep.measure.subject import Subject, from_checkpoint, from_function, read_checkpoint, saved_config
from simplicity_sweep.measure.table import as_json, print_table
from simplicity_sweep.preflight import resolve
from simplicity_sweep.probe import Figures
from simplicity_sweep.resolvers import project_folder, register
from simplicity_sweep.tracking import Run, Store, TrackingError, recording

_OF_THE_RUN = ("data", "activation", "depth", "optim", "trainer", "seed")


def main(arguments: Sequence[str]) -> None:
    """Measures, prints, and records where that is asked for."""
    options = _parser().parse_args(arguments)
    try:
        _measure(options)
    except (ConfigError, DataError, TrackingError, HydraException) as error:
        sys.exit(str(error))


def _measure(options: argparse.Namespace) -> None:
    checkpoint = None if ":" in options.subject else read_checkpoint(Path(options.subject))
    config = _configured(options, checkpoint)
    check(config)
    device = device_of(config["trainer"]["accelerator"])
    subject, data = _loaded(options, checkpoint, config, device)
    if "train" in config["measure"]["points"] and data.train is None:
        raise ConfigError(f"measure.points = {config['measure']['points']}: {options.npz} has no train_inputs.")
    subject.network.to(device)
    figures = _figures(subject, data, config, options.subject)
    about = {"subject": options.subject, "data": options.npz or _name(config["data"]), "seed": config["seed"]}
    if options.json:
        print(json.dumps(as_json(figures, about), indent=2))
    else:
        print_table(figures, about, Console())
    if options.log:
        _record(figures, about, config["tracking"])


def _configured(options: argparse.Namespace, checkpoint: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the command line says; what a checkpoint is of, from the checkpoint."""
    register()
    with initialize_config_dir(str(project_folder() / "conf"), version_base="1.3"):
        config = resolve(compose("config", options.overrides))
    if checkpoint is None:
        return config
    saved = saved_config(checkpoint, options.subject)
    chosen = {item.lstrip("+~").partition("=")[0].partition(".")[0] for item in options.overrides}
    if refused := chosen & {"activation", "depth", "optim"}:
        raise ConfigError(f"{min(refused)} can't be chosen: the network is that of {options.subject}.")
    return config | {key: saved[key] for key in _OF_THE_RUN if key not in chosen | {"trainer"}}


def _loaded(
    options: argparse.Namespace, checkpoint: Mapping[str, Any] | None, config: Mapping[str, Any], device: torch.device
) -> tuple[Subject, ArrayData]:
    if options.npz is None:
        own = build_data(config)
        subject = from_function(options.subject) if checkpoint is None else from_checkpoint(checkpoint, config, own)
        return subject, arrays_of(own).to(device)
    if checkpoint is None:
        return from_function(options.subject), read_arrays(options.npz).to(device)
    saved = {**config, "data": saved_config(checkpoint, options.subject)["data"]}
    return from_checkpoint(checkpoint, saved, build_data(saved)), read_arrays(options.npz).to(device)


def _figures(subject: Subject, data: ArrayData, config: Mapping[str, Any], name: str) -> Figures:
    try:
        logits = outputs_of(subject.network, data.test.inputs)
    except Exception as error:
        shape = list(data.test.inputs.shape[1:])
        raise ConfigError(f"{name} can't be evaluated on inputs of shape [B, *{shape}]: {error}") from error
    figures = Figures()
    if data.test.labels is not None:
        figures.add("test/accuracy", mean_over_inputs((labels(logits) == data.test.labels).double()), error=True)
    measured = build_plan(config).in_the_end(subject.network, data, subject.initial)
    return Figures(figures.values | measured.values, figures.undefined | measured.undefined)


def _record(figures: Figures, about: Mapping[str, Any], tracking: Mapping[str, str]) -> None:
    store = Store.open(tracking["uri"], tracking["experiment"])
    tags = {"role": "measure", **provenance(), **{f"undefined/{key}": why for key, why in figures.undefined.items()}}
    with recording(Run.start(store, name=f"measure {about['subject']}", params=about, tags=tags)) as run:
        run.hold_metrics(figures.values, 0)
        run.log_texts({"figures.json": json.dumps(as_json(figures, about), indent=2)})
    print(f"MLflow run {run.id} in {store.shown}", file=sys.stderr)


def _name(data: Mapping[str, Any]) -> str:
    return str(data["_target_"]).rpartition(".")[2]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m simplicity_sweep.measure", description="Measure a network.")
    parser.add_argument("subject", help="a checkpoint of a run, or module:function, which returns a torch.nn.Module")
    parser.add_argument(
        "overrides",
        nargs="*",
        help="the choices of train.py that concern measuring: data=fashion_mnist measure=full seed=1 "
        "measure.probe.test.sigma=0.2 trainer=cpu tracking.uri=…",
    )
    parser.add_argument("--npz", type=Path, metavar="FILE", help=f"measure on the arrays in FILE: {KEYS}")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    parser.add_argument("--log", action="store_true", help="record the figures as an MLflow run")
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
