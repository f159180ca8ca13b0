"""The LightningModule of one run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import pytorch_lightning as pl
import torch
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
        class_weights: how much each class counts in the training loss, a weighted mean over a batch; None: all alike.

    Logs `train/loss` as the mean over an epoch's examples, `{val,test}/loss` and `{val,test}/accuracy`; the latter
    know no weights, so that networks trained with different ones can be compared.
    """

    class_weights: Tensor | None

    def __init__(
        self,
        network: nn.Module,
        optimizer: Callable[[Iterable[nn.Parameter]], Optimizer],
        classes: int,
        class_weights: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.optimizer = optimizer
        # Not persistent: a checkpoint holds what was learned.
        weights = None if class_weights is None else torch.tensor(class_weights)
        self.register_buffer("class_weights", weights, persistent=False)
        accuracy = MulticlassAccuracy(classes, average="micro", validate_args=False)
        self.val_accuracy = accuracy
        self.test_accuracy = accuracy.clone()

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.network(inputs)
        return logits

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        inputs, labels = batch
        loss = cross_entropy(self(inputs), labels, self.class_weights)
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
