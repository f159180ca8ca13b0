"""The LightningModule of a run that answers with numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from torch import Tensor, nn
from torch.nn.functional import mse_loss
from torch.optim import Optimizer
from torchmetrics import MetricCollection
from torchmetrics.regression import MeanAbsoluteError, R2Score

from simplicity_sweep.module import Supervised


class Regressor(Supervised):
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
        super().__init__(network, optimizer, {"r2": R2Score(), "mae": MeanAbsoluteError()})
        self.register_buffer("mean", mean.clone())
        self.register_buffer("std", std.clone())
        self.one_unit = bool((std == std[0]).all())

    def training_loss(self, outputs: Tensor, answers: Tensor) -> Tensor:
        """Mean squared error, over examples and targets."""
        return mse_loss(outputs, self.standardised(answers))

    def standardised(self, targets: Tensor) -> Tensor:
        """Targets [n, k] in the units in which the network answers."""
        return (targets - self.mean) / self.std

    def evaluate(self, outputs: Tensor, answers: Tensor, metrics: MetricCollection) -> dict[str, Tensor]:
        """R², mean absolute error in both units, and mean squared error."""
        expected = self.standardised(answers)
        metrics.update(outputs, expected)
        in_units = {"mae_in_units": (outputs - expected).abs().mean() * self.std[0]} if self.one_unit else {}
        return {"loss": mse_loss(outputs, expected), **in_units}
