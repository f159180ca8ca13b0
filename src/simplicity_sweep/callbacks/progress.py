"""The progress of one run in the terminal."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ProgressBar
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from simplicity_sweep.fused.rendezvous import in_meeting
from simplicity_sweep.tasks import TASKS

_SHOWN = ("loss", *dict.fromkeys(task.headline for task in TASKS.values()))


class RunProgress(ProgressBar):
    """One line that shows epochs, validation loss and headline figure and the time left; it goes when the fit ends.

    Args:
        title: what stands before it, e.g. which job of a sweep this is.

    Where the output is no terminal nothing is drawn, nor where runs train together: their progress is shown as one.
    """

    def __init__(self, title: str = "") -> None:
        super().__init__()
        self._title = title
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._enabled = Console(stderr=True).is_terminal and not in_meeting()

    def enable(self) -> None:
        self._enabled = True

    def disable(self) -> None:
        self._enabled = False

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not self._enabled:
            return
        self._bar = Progress(
            TextColumn(self._title),
            TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
            BarColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._bar.start()
        self._task = self._bar.add_task(
            "fit", total=None, epoch=trainer.current_epoch + 1, epochs=trainer.max_epochs, figures=""
        )

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._bar is not None:
            total = int(trainer.num_training_batches) * (trainer.max_epochs or 0)
            self._bar.update(self._task, total=total, epoch=trainer.current_epoch + 1)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self._bar is not None:
            done = trainer.current_epoch * int(trainer.num_training_batches) + batch_idx + 1
            self._bar.update(self._task, completed=done)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._bar is not None:
            metrics = trainer.callback_metrics
            shown = {name: metrics[f"val/{name}"] for name in _SHOWN if f"val/{name}" in metrics}
            figures = "  ".join(f"{name} {float(value):.4f}" for name, value in shown.items())
            self._bar.update(self._task, figures=figures)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._stop()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
