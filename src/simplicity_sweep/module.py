"""The LightningModule of one run."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytorch_lightning as pl
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer
from torchmetrics import Metric
from torchmetrics.classification import MulticlassAccuracy


class Classifier(pl.LightningModule):
    """A network trained by cross-entropy, with its accuracy on the validation and test sets.

    Args:
        network: inputs [n, *shape] → logits [n, classes].
        optimizer: a factory that is given the parameters, e.g. `partial(torch.optim.Adam, lr=0.001)`.
        classes: how many labels there are.

    Logs `train/loss` as the mean over an epoch's examples, `{val,test}/loss` and `{val,test}/accuracy`.
    """

    def __init__(
        self,
        network: nn.Module,
        optimizer: Callable[[Iterable[nn.Parameter]], Optimizer],
        classes: int,
    ) -> None:
        super().__init__()
        self.network = network
        self.optimizer = optimizer
        accuracy = MulticlassAccuracy(classes, average="micro", validate_args=False)
        self.val_accuracy = accuracy
        self.test_accuracy = accuracy.clone()

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.network(inputs)
        return logits

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        inputs, labels = batch
        loss = cross_entropy(self(inputs), labels)
        self.log("train/loss", loss, on_step=False, on_epoch=True, batch_size=len(labels))
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        self._evaluate(batch, "val", self.val_accuracy)

    def test_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        self._evaluate(batch, "test", self.test_accuracy)

    def configure_optimizers(self) -> Optimizer:
        return self.optimizer(self.parameters())

    def _evaluate(self, batch: tuple[Tensor, Tensor], stage: str, accuracy: Metric) -> None:
        inputs, labels = batch
        logits = self(inputs)
        accuracy.update(logits, labels)
        self.log(f"{stage}/loss", cross_entropy(logits, labels), batch_size=len(labels))
        self.log(f"{stage}/accuracy", accuracy)
