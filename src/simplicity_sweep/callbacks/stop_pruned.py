"""The end of a run that a search has given up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import pytorch_lightning as pl

from simplicity_sweep.callbacks.stop_early import StopEarly
from simplicity_sweep.logger import RunLogger


class Judge(Protocol):
    """Whoever says by its curve whether a run is worth going on with.

    Attributes:
        metric: which curve.
        name: whose word it is.
    """

    metric: str
    name: str

    def stops(self, curve: Mapping[int, float]) -> bool:
        """Whether the run is to be stopped, by its curve so far: values by the number of epochs trained."""


class StopPruned(StopEarly):
    """Ends the training of a run after the epoch in which its judge has given it up.

    Never after the last epoch, when there is nothing left to spare, nor where the run ends anyway because it diverged.
    The reason says after how many epochs, and by whom.

    Args:
        judge: of this run; None where none is asked for.
        logger: the run's, which has the curve.
    """

    def __init__(self, judge: Judge | None, logger: RunLogger) -> None:
        super().__init__()
        self._judge = judge
        self._logger = logger

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        trained = trainer.current_epoch + 1
        if self._judge is None or trainer.should_stop or trained == trainer.max_epochs:
            return
        # A run that goes on has points already of the epochs that it trains again.
        curve = {at + 1: value for at, value in self._logger.curve(self._judge.metric).items() if at < trained}
        if self._judge.stops(curve):
            epochs = "1 epoch" if trained == 1 else f"{trained} epochs"
            self.stop(trainer, f"after {epochs} of {trainer.max_epochs}, by {self._judge.name}")
