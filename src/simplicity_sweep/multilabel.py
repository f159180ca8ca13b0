"""The LightningModule of a run that answers with sets of labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytorch_lightning as pl
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim import Optimizer
from torchmetrics import MetricCollection
from torchmetrics.classification import MultilabelAccuracy, MultilabelExactMatch, MultilabelF1Score


class MultilabelClassifier(pl.LightningModule):
    """A network trained by the binary cross-entropy of each label, with its macro F1 on validation and test sets.

    A label is predicted where its logit is above 0.

    Args:
        network: inputs [n, *shape] → logits [n, labels].
        optimizer: a factory that is given the parameters, e.g. `partial(torch.optim.Adam, lr=0.001)`.
        labels: how many there are, at least 2.

    Logs `train/loss` as the mean over an epoch's examples, and of `val` and `test` the `loss`, `macro_f1` (the mean
    over labels of each one's F1), `label_accuracy` (the share of single labels that are right) and `subset_accuracy`
    (the share of inputs whose whole set is right).
    """

    def __init__(
        self,
        network: nn.Module,
        optimizer: Callable[[Iterable[nn.Parameter]], Optimizer],
        labels: int,
    ) -> None:
        super().__init__()
        self.network = network
        self.optimizer = optimizer
        metrics = MetricCollection(
            {
                "macro_f1": MultilabelF1Score(labels, average="macro", validate_args=False),
                "label_accuracy": MultilabelAccuracy(labels, average="micro", validate_args=False),
                "subset_accuracy": MultilabelExactMatch(labels, validate_args=False),
            },
            compute_groups=False,
        )
        self.val_metrics = metrics.clone(prefix="val/")
        self.test_metrics = metrics.clone(prefix="test/")

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.network(inputs)
        return logits

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        inputs, targets = batch
        loss = binary_cross_entropy_with_logits(self(inputs), targets)
        self.log("train/loss", loss, on_step=False, on_epoch=True, batch_size=len(targets))
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        self._evaluate(batch, "val", self.val_metrics)

    def test_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        self._evaluate(batch, "test", self.test_metrics)

    def configure_optimizers(self) -> Optimizer:
        return self.optimizer(self.parameters())

    def _evaluate(self, batch: tuple[Tensor, Tensor], stage: str, metrics: MetricCollection) -> None:
        inputs, targets = batch
        logits = self(inputs)
        # As predicted labels: torchmetrics takes logits that all happen to lie in [0, 1] for probabilities.
        metrics.update((logits > 0).long(), targets.long())
        self.log(f"{stage}/loss", binary_cross_entropy_with_logits(logits, targets), batch_size=len(targets))
        self.log_dict(metrics)
