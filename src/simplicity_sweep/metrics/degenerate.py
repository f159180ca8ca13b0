"""Whether a network still computes anything."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from simplicity_sweep.functional import Estimate, labels, undefined
from simplicity_sweep.functional.encoding import NOT_FINITE
from simplicity_sweep.metrics.arguments import matrix
from simplicity_sweep.metrics.estimate_metric import EstimateMetric

_LABELS = torch.iinfo(torch.int64)


class Degenerate(EstimateMetric):
    """Whether a network is dead (1) or not (0): it predicts one label only, or some logit is not finite.

    Without this the other figures mislead. See :func:`simplicity_sweep.functional.degenerate`.

    Args:
        kwargs: those of :class:`torchmetrics.Metric`.

    Example:
        Each batch has one label, both together have two.

        >>> import torch
        >>> from simplicity_sweep.metrics import Degenerate
        >>> metric = Degenerate()
        >>> metric(torch.tensor([[0.0, 1.0], [0.0, 2.0]]))
        tensor(1., dtype=torch.float64)
        >>> metric.update(torch.tensor([[3.0, 2.0]]))
        >>> metric.compute()
        tensor(0., dtype=torch.float64)
    """

    plot_upper_bound = 1.0

    lowest_label: Tensor
    highest_label: Tensor

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_state("lowest_label", torch.tensor(_LABELS.max), dist_reduce_fx="min")
        self.add_state("highest_label", torch.tensor(_LABELS.min), dist_reduce_fx="max")

    def update(self, preds: Tensor, target: Tensor | None = None) -> None:
        """Adds a batch.

        Args:
            preds: logits or probabilities, shape ``[n, C]``.
            target: not looked at; a collection passes it to all its metrics.

        Raises:
            TypeError: if the outputs are no floating-point numbers.
            ValueError: if there are not two axes.
        """
        predicted = labels(matrix("preds", preds))
        if len(predicted):
            self.lowest_label = torch.minimum(self.lowest_label, predicted.min())
            self.highest_label = torch.maximum(self.highest_label, predicted.max())

    def _measured(self) -> Estimate:
        lowest, highest = int(self.lowest_label), int(self.highest_label)
        if lowest > highest:
            return undefined("no inputs")
        # A label of what is not finite lies below all others.
        return Estimate(float(lowest in (highest, NOT_FINITE)))
