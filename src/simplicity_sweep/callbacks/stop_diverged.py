"""The end of a run whose loss is no number any more."""

from __future__ import annotations

import math

import pytorch_lightning as pl
from pytorch_lightning import Callback


class StopDiverged(Callback):
    """Ends the training of a run after the epoch in which its training or validation loss became NaN or infinite.

    That it diverged is a result: what is left of it is measured and tested like any other.
    """

    def __init__(self) -> None:
        self.reason: str | None = None
        """Which loss is what since which epoch; None if the run did not diverge."""

    def state_dict(self) -> dict[str, str | None]:
        return {"reason": self.reason}

    def load_state_dict(self, state_dict: dict[str, str | None]) -> None:
        self.reason = state_dict["reason"]

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.reason is not None:  # it had ended, and was cut off before it was tested
            trainer.should_stop = True

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        for name in ("train/loss", "val/loss"):
            value = trainer.callback_metrics.get(name)
            if value is not None and not math.isfinite(value):
                self.reason = f"{name} is {float(value)} since epoch {trainer.current_epoch}"
                trainer.should_stop = True
                return
