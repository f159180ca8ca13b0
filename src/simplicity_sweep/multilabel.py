"""The LightningModule of a run that answers with sets of labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim import Optimizer
from torchmetrics import MetricCollection
from torchmetrics.classification import MultilabelAccuracy, MultilabelExactMatch, MultilabelF1Score

from simplicity_sweep.module import Supervised


class MultilabelClassifier(Supervised):
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
        super().__init__(
            network,
            optimizer,
            {
                "macro_f1": MultilabelF1Score(labels, average="macro", validate_args=False),
                "label_accuracy": MultilabelAccuracy(labels, average="micro", validate_args=False),
                "subset_accuracy": MultilabelExactMatch(labels, validate_args=False),
            },
        )

    def training_loss(self, outputs: Tensor, answers: Tensor) -> Tensor:
        """Binary cross-entropy, the mean over examples and labels."""
        return binary_cross_entropy_with_logits(outputs, answers)

    def evaluate(self, outputs: Tensor, answers: Tensor, metrics: MetricCollection) -> dict[str, Tensor]:
        """The metrics of predicted sets of labels, and binary cross-entropy."""
        # As predicted labels: torchmetrics takes logits that all happen to lie in [0, 1] for probabilities.
        metrics.update((outputs > 0).long(), answers.long())
        return {"loss": binary_cross_entropy_with_logits(outputs, answers)}
