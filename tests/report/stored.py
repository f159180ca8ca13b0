"""Sweeps in a store, as the real command records them."""

from __future__ import annotations

from pathlib import Path

from simplicity_sweep.store import Store
from simplicity_sweep.sweep import Sweep
from simplicity_sweep.tracking import Run, Status

PARAMS = {"data": "mnist", "data.val_size": 5000, "trainer.max_epochs": 3, "optim": "adam", "depth.sizes": "128-64"}


def opened(store: Store, folder: Path, jobs: int, name: str = "12-00-00-ab12") -> Sweep:
    sweep = Sweep.open(store, folder=folder / name, overrides=["experiment=guan2024"])
    sweep.expect(jobs)
    return sweep


def job(
    sweep: Sweep,
    number: int,
    overrides: str,
    seed: int = 0,
    accuracy: float = 0.9,
    status: Status | None = "FINISHED",
    **params: object,
) -> Run:
    tags = {"role": "job", "job": str(number), "sweep": sweep.folder.name, "overrides": overrides.replace(" ", "\n")}
    chosen = {**PARAMS, "seed": seed, **params}
    run = Run.start(sweep.store, name=overrides, params=chosen, tags=tags, parent=sweep.run.id)
    for epoch in range(2):
        run.log_metrics({"val/lz76_path": 2.0 + epoch, "train/loss": 1.0 - epoch / 2}, step=epoch)
    run.log_metrics({"test/accuracy": accuracy, "null/lz76_path/initial": 2.7, "test/noise_relative": float("nan")}, 0)
    run.set_tags({"undefined/test/noise_relative": "the outputs are constant"})
    if status is not None:
        run.end(status)
    return run
