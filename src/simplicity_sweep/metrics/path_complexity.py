"""The Lempel–Ziv complexity of the predicted labels along straight paths."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from simplicity_sweep.functional import Estimate, lz76_path
from simplicity_sweep.metrics.estimate_metric import EstimateMetric
from simplicity_sweep.metrics.moments import mean_of, merged, no_moments, with_inputs_of


class PathComplexity(EstimateMetric):
    """The mean :func:`lz76` of the predicted labels along straight paths between inputs.

    Neither the order of the paths, nor how they are cut into batches and dealt out to processes, changes it. See
    :func:`simplicity_sweep.functional.lz76_path`.

    Args:
        kwargs: those of :class:`torchmetrics.Metric`.

    Example:
        Parses 0 · 00…, and 0 · 01 · 1…

        >>> import torch
        >>> from simplicity_sweep.metrics import PathComplexity
        >>> metric = PathComplexity()
        >>> metric.update(torch.tensor([[0, 0, 0, 0]]))
        >>> metric.update(torch.tensor([[0, 0, 1, 1]]))
        >>> metric.compute(), metric.standard_error
        (tensor(2.5000, dtype=torch.float64), 0.5)

        The labels of a network:

        >>> from simplicity_sweep.functional import labels_along_paths
        >>> network, inputs = torch.nn.Linear(2, 3), torch.ones(8, 2)
        >>> metric.reset()
        >>> metric(labels_along_paths(network, inputs[:4], inputs[4:], points=16))
        tensor(2., dtype=torch.float64)
    """

    path_moments: Tensor

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_state("path_moments", no_moments(), dist_reduce_fx=merged)

    def update(self, path_labels: Tensor) -> None:
        """Adds a batch of paths.

        Args:
            path_labels: shape ``[P, points]``, from :func:`simplicity_sweep.functional.labels_along_paths`, any
                integer or Boolean dtype; −1 stands for an output that is not finite.

        Raises:
            TypeError: if the labels are floating-point numbers.
            ValueError: if there are not two axes.
        """
        self.path_moments = with_inputs_of(self.path_moments, lz76_path(path_labels))

    def _measured(self) -> Estimate:
        return mean_of(self.path_moments, not_finite="non-finite outputs on the paths")
