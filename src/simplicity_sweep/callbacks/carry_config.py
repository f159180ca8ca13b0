"""A checkpoint that says what it is a checkpoint of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning import Callback

CONFIG_KEY = "simplicity_sweep"
"""Where a checkpoint holds its run's configuration."""

SIZES_KEY = "simplicity_sweep/sizes"
"""Where it holds what its network was built to: `shape`, of one input, and `outputs`, how many."""


class CarryConfig(Callback):
    """Puts the run's resolved configuration and its data's sizes into every checkpoint, as plain dicts, lists and
    numbers, so that the file alone is enough to build its network again, and loads with `weights_only=True`."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = dict(config)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        data: Any = trainer.datamodule  # type: ignore[attr-defined] # Lightning declares it nowhere
        checkpoint[CONFIG_KEY] = self.config
        checkpoint[SIZES_KEY] = {"shape": list(data.shape), "outputs": data.outputs}
