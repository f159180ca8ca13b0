"""What a checkpoint needs beside Lightning's own, so that a run can go on from it as if it had never been cut off."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
from pytorch_lightning import Callback

from simplicity_sweep.logger import RunLogger
from simplicity_sweep.seeds import random_states, set_random_states

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
            "random": random_states(),
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
            set_random_states(self._states)
            self._states = None
