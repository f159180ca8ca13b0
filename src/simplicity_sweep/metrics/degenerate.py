"""Whether a network still computes anything."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from simplicity_sweep.functional import Estimate, degenerate, undefined
from simplicity_sweep.metrics.arguments import FLOATS, matrix
from simplicity_sweep.metrics.estimate_metric import EstimateMetric
from simplicity_sweep.metrics.layout import agreed


class Degenerate(EstimateMetric):
    """Whether a network is dead (1) or not (0): it predicts fewer than two labels, some logit is not finite, or the
    logits are the same for every input, but for rounding.

    Without this the other figures mislead. See :func:`simplicity_sweep.functional.degenerate`. Keeps the logits in
    float64: 8 bytes for each.

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

    degenerate_layout: Tensor

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._add_kept("degenerate_logits", torch.float64)
        self.add_state("degenerate_layout", torch.zeros(2, dtype=torch.int64), dist_reduce_fx=agreed)

    def update(self, preds: Tensor, target: Tensor | None = None) -> None:
        """Adds a batch.

        Args:
            preds: logits or probabilities, shape ``[n, C]``.
            target: not looked at; a collection passes it to all its metrics.

        Raises:
            TypeError: if the outputs are no floating-point numbers.
            ValueError: if there are not two axes, or the number of outputs or their dtype is not that of the batches
                before.
        """
        outputs = matrix("preds", preds)
        layout = torch.tensor([outputs.shape[1], FLOATS.index(outputs.dtype)], device=self.device)
        self.degenerate_layout = agreed(torch.stack([self.degenerate_layout, layout]))
        self._keep("degenerate_logits", outputs)

    def _measured(self) -> Estimate:
        classes, dtype = self.degenerate_layout.tolist()
        if classes == 0:
            return undefined("no inputs")
        # What is equal up to rounding depends on the dtype in which the outputs came.
        return degenerate(self._kept("degenerate_logits").view(-1, classes).to(FLOATS[dtype]))
