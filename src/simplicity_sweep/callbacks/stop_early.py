"""The end of a run before its last epoch."""

from __future__ import annotations

import pytorch_lightning as pl
from pytorch_lightning import Callback


class StopEarly(Callback):
    """What ends a run for a reason keeps it with the checkpoint: a run that goes on from there has ended already."""

    def __init__(self) -> None:
        self.reason: str | None = None
        """Why it was stopped, and when; None if it was not."""

    def state_dict(self) -> dict[str, str | None]:
        return {"reason": self.reason}

    def load_state_dict(self, state_dict: dict[str, str | None]) -> None:
        self.reason = state_dict["reason"]

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.reason is not None:  # it was cut off before what comes after training
            trainer.should_stop = True

    def stop(self, trainer: pl.Trainer, reason: str) -> None:
        """Ends the training after this epoch."""
        self.reason = reason
        trainer.should_stop = True
