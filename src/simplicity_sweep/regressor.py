"""The LightningModule of a run that answers with numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytorch_lightning as pl
from torch import Tensor, nn
from torch.nn.functional import mse_loss
from torch.optim import Optimizer
from torchmetrics import MetricCollection
from torchmetrics.regression import MeanAbsoluteError, R2Score


class Regressor(pl.LightningModule):
    """A network trained by the mean squared error of standardised targets, with its R² on validation and test sets.

    Args:
        network: inputs [n, *shape] → standardised targets [n, k].
        optimizer: a factory that is given the parameters, e.g. `partial(torch.optim.Adam, lr=0.001)`.
        mean: of the training targets, [k]; a buffer, so that a checkpoint holds it.
        std: of the training targets, [k], above 0; a buffer.

    Logs `train/loss` as the mean over an epoch's examples, `{val,test}/loss`, `{val,test}/r2` (the mean over targets of
    1 − Σ(y − f)² / Σ(y − ȳ)², with ȳ that of the set), `{val,test}/mae` in standard deviations of the training targets,
    and, where all targets have one standard deviation, `{val,test}/mae_in_units` in theirs.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        network: nn.Module,
        optimizer: Callable[[Iterable[nn.Parameter]], Optimizer],
        mean: Tensor,
        std: Tensor,
    ) -> None:
        super().__init__()
        self.network = network
        self.optimizer = optimizer
        self.register_buffer("mean", mean.clone())
        self.register_buffer("std", std.clone())
        self.one_unit = bool((std == std[0]).all())
        metrics = MetricCollection({"r2": R2Score(), "mae": MeanAbsoluteError()})
        self.val_metrics = metrics.clone(prefix="val/")
        self.test_metrics = metrics.clone(prefix="test/")

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.network(inputs)
        return outputs

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        inputs, targets = batch
        loss = mse_loss(self(inputs), self.standardised(targets))
        self.log("train/loss", loss, on_step=False, on_epoch=True, batch_size=len(targets))
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        self._evaluate(batch, "val", self.val_metrics)

    def test_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        self._evaluate(batch, "test", self.test_metrics)

    def configure_optimizers(self) -> Optimizer:
        return self.optimizer(self.parameters())

    def standardised(self, targets: Tensor) -> Tensor:
        """Targets [n, k] in the units in which the network answers."""
        return (targets - self.mean) / self.std

    def _evaluate(self, batch: tuple[Tensor, Tensor], stage: str, metrics: MetricCollection) -> None:
        inputs, targets = batch
        outputs, expected = self(inputs), self.standardised(targets)
        metrics.update(outputs, expected)
        self.log(f"{stage}/loss", mse_loss(outputs, expected), batch_size=len(targets))
        if self.one_unit:
            error = (outputs - expected).abs().mean() * self.std[0]
            self.log(f"{stage}/mae_in_units", error, batch_size=len(targets))
        self.log_dict(metrics)
