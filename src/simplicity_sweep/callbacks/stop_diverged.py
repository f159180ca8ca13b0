"""The end of a run whose loss is no number any more."""

from __future__ import annotations

import math

import pytorch_lightning as pl

from simplicity_sweep.callbacks.stop_early import StopEarly


class StopDiverged(StopEarly):
    """Ends the training of a run after the epoch in which its training or validation loss became NaN or infinite.

    That it diverged is a result: what is left of it is measured and tested like any other. The reason says which
    loss is what since which epoch.
    """

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        for name in ("train/loss", "val/loss"):
            value = trainer.callback_metrics.get(name)
            if value is not None and not math.isfinite(value):
                self.stop(trainer, f"{name} is {float(value)} since epoch {trainer.current_epoch}")
                return
