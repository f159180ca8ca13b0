"""What a checkpoint needs beside Lightning's own, so that a run can go on from it as if it had never been cut off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning import Callback

from simplicity_sweep.fused.ambient import RandomStates
from simplicity_sweep.logger import RunLogger

_KEY = "simplicity_sweep_progress"


class CarryProgress(Callback):
    """Carries the states of the random generators and the curves so far.

    What was logged some seconds before a run is killed may not have been written yet, and the figures of the epoch that
    a checkpoint ends are logged after it: they are added when the run goes on.

    Args:
        logger: the run's.
    """

    def __init__(self, logger: RunLogger) -> None:
        self._logger = logger
        self._states: dict[str, Any] | None = None

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        results = trainer._results
        ending = {} if results is None else results.metrics(on_step=False)["log"]
        points = {(key, trainer.current_epoch): float(value) for key, value in ending.items()} | self._logger.points
        checkpoint[_KEY] = {
            "random": _plain(RandomStates().capture()),
            "points": [(key, at, value) for (key, at), value in points.items()],
        }

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        carried = checkpoint[_KEY]
        self._states = carried["random"]
        self._logger.add({(key, at): value for key, at, value in carried["points"]})

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._states is not None:
            RandomStates().restore(_as_captured(self._states))
            self._states = None


def _plain(states: tuple[Any, ...]) -> dict[str, Any]:
    """States of generators as tensors, numbers and strings alone: what a file holds that loads with
    `weights_only=True`."""
    (version, internal, gauss), (name, keys, *rest), cpu, cuda = states
    return {
        "python": [version, torch.tensor(internal, dtype=torch.int64), gauss],
        "numpy": [name, torch.from_numpy(keys.astype(np.int64)), *rest],
        "torch": cpu,
        "cuda": cuda,
    }


def _as_captured(states: Mapping[str, Any]) -> tuple[Any, ...]:
    """What `_plain` was given; of a GPU that isn't here nothing."""
    (version, internal, gauss), (name, keys, *rest) = states["python"], states["numpy"]
    python = (version, tuple(internal.tolist()), gauss)
    numpy = (name, keys.numpy().astype(np.uint32), *rest)
    return python, numpy, states["torch"], states["cuda"] if torch.cuda.is_available() else []
