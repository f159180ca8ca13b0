"""The LightningModule of one run: what all of them have in common, and the one that classifies."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer
from torchmetrics import Metric, MetricCollection
from torchmetrics.classification import MulticlassAccuracy


class Supervised(pl.LightningModule, ABC):
    """A network that learns from pairs of inputs and answers; `train/loss` is the mean over an epoch's examples.

    Args:
        network: inputs [n, *shape] → outputs [n, k].
        optimizer: a factory that is given the parameters, e.g. `partial(torch.optim.Adam, lr=0.001)`.
        metrics: what is logged of the validation and the test set, by its name.
    """

    def __init__(
        self,
        network: nn.Module,
        optimizer: Callable[[Iterable[nn.Parameter]], Optimizer],
        metrics: dict[str, Metric | MetricCollection],
    ) -> None:
        super().__init__()
        self.network = network
        self.optimizer = optimizer
        collection = MetricCollection(metrics, compute_groups=False)
        self.val_metrics = collection.clone(prefix="val/")
        self.test_metrics = collection.clone(prefix="test/")

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.network(inputs)
        return outputs

    @abstractmethod
    def training_loss(self, outputs: Tensor, answers: Tensor) -> Tensor:
        """The loss of a training batch, a scalar."""

    @abstractmethod
    def evaluate(self, outputs: Tensor, answers: Tensor, metrics: MetricCollection) -> dict[str, Tensor]:
        """Updates the metrics; returns by name what is a mean over the examples, the loss among it."""

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        inputs, answers = batch
        loss = self.training_loss(self(inputs), answers)
        self.log("train/loss", loss, on_step=False, on_epoch=True, batch_size=len(answers))
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        self._evaluate(batch, "val", self.val_metrics)

    def test_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        self._evaluate(batch, "test", self.test_metrics)

    def configure_optimizers(self) -> Optimizer:
        return self.optimizer(self.parameters())

    def _evaluate(self, batch: tuple[Tensor, Tensor], stage: str, metrics: MetricCollection) -> None:
        inputs, answers = batch
        for name, mean in self.evaluate(self(inputs), answers, metrics).items():
            self.log(f"{stage}/{name}", mean, batch_size=len(answers))
        self.log_dict(metrics)


class Classifier(Supervised):
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
        super().__init__(
            network, optimizer, {"accuracy": MulticlassAccuracy(classes, average="micro", validate_args=False)}
        )
        # Not persistent: a checkpoint holds what was learned.
        weights = None if class_weights is None else torch.tensor(class_weights)
        self.register_buffer("class_weights", weights, persistent=False)

    def training_loss(self, outputs: Tensor, answers: Tensor) -> Tensor:
        """Cross-entropy, weighted by the classes' weights."""
        return cross_entropy(outputs, answers, self.class_weights)

    def evaluate(self, outputs: Tensor, answers: Tensor, metrics: MetricCollection) -> dict[str, Tensor]:
        """Accuracy, and cross-entropy without weights."""
        metrics.update(outputs, answers)
        return {"loss": cross_entropy(outputs, answers)}
