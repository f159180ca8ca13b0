"""The length of a DEFLATE stream of a network's logits."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from simplicity_sweep.functional import Estimate, deflate_logits
from simplicity_sweep.metrics.arguments import matrix
from simplicity_sweep.metrics.estimate_metric import EstimateMetric
from simplicity_sweep.metrics.layout import agreed


class DeflateSize(EstimateMetric):
    """The bytes of the zlib stream, level 6, of all raw little-endian float32 logits, row-major, in the order given.

    The measure of Guan et al. 2024, for comparison with it: it measures byte entropy, not the function, and tells only
    a dead network from others. See :func:`simplicity_sweep.functional.deflate_logits`. Several processes' logits are
    put one rank after the other. Keeps the logits: 4 bytes for each.

    Args:
        kwargs: those of :class:`torchmetrics.Metric`.

    Example:
        Ten thousand zero bytes.

        >>> import torch
        >>> from simplicity_sweep.metrics import DeflateSize
        >>> metric = DeflateSize()
        >>> for batch in torch.zeros(250, 10).split(99):
        ...     metric.update(batch)
        >>> metric.compute()
        tensor(33., dtype=torch.float64)
    """

    classes: Tensor

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._add_kept("float32_logits", torch.float32)
        self.add_state("classes", torch.zeros(1, dtype=torch.int64), dist_reduce_fx=agreed)

    def update(self, preds: Tensor, target: Tensor | None = None) -> None:
        """Adds a batch.

        Args:
            preds: logits, shape ``[n, C]``.
            target: not looked at; a collection passes it to all its metrics.

        Raises:
            TypeError: if the logits are no floating-point numbers.
            ValueError: if there are not two axes, or the number of logits is not that of the batches before.
        """
        logits = matrix("preds", preds)
        classes = torch.tensor(logits.shape[1:], device=self.device)
        self.classes = agreed(torch.stack([self.classes, classes]))
        self._keep("float32_logits", logits)

    def _measured(self) -> Estimate:
        return deflate_logits(self._kept("float32_logits"))
