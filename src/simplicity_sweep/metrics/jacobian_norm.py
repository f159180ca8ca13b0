"""The norm of the Jacobian of a network's outputs with respect to its inputs."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from simplicity_sweep.functional import Estimate, jacobian_norm_logits, jacobian_norm_probabilities
from simplicity_sweep.metrics.arguments import Space, choice
from simplicity_sweep.metrics.estimate_metric import EstimateMetric
from simplicity_sweep.metrics.moments import mean_of, merged, no_moments, with_inputs_of


class JacobianNorm(EstimateMetric):
    """The mean Frobenius norm of the Jacobian, ``E ‖∂f/∂x‖_F``, in outputs per unit of input.

    See :func:`simplicity_sweep.functional.jacobian_norm_logits` and
    :func:`~simplicity_sweep.functional.jacobian_norm_probabilities`, the sensitivity of Novak et al. 2018.

    Args:
        space: of the outputs: ``"logits"`` or ``"probabilities"``. The two may rank networks in opposite ways.
        kwargs: those of :class:`torchmetrics.Metric`.

    Raises:
        ValueError: if ``space`` is neither.

    Example:
        A linear map has one Jacobian, its matrix: √(3² + 4²).

        >>> import torch
        >>> from simplicity_sweep.functional import jacobian_gram
        >>> from simplicity_sweep.metrics import JacobianNorm
        >>> network, inputs = torch.nn.Linear(2, 1), torch.zeros(4, 2)
        >>> network.weight = torch.nn.Parameter(torch.tensor([[3.0, 4.0]]))
        >>> metric = JacobianNorm()
        >>> for part in inputs.split(2):
        ...     metric.update(jacobian_gram(network, part))
        >>> metric.compute(), metric.standard_error
        (tensor(5., dtype=torch.float64), 0.0)
    """

    def __init__(self, space: Space = "logits", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.space = choice("space", space, Space)
        # The name says what is summed: a collection lets metrics whose states are called the same share them.
        self._moments = f"jacobian_norm_{space}_moments"
        self.add_state(self._moments, no_moments(), dist_reduce_fx=merged)

    def update(self, gram: Tensor, probabilities: Tensor | None = None) -> None:
        """Adds a batch.

        Args:
            gram: ``J Jᵀ`` of the logits, shape ``[n, C, C]``, from
                :func:`simplicity_sweep.functional.jacobian_gram`.
            probabilities: the softmax of the logits, shape ``[n, C]``; needed for the space
                ``"probabilities"``, else not looked at.

        Raises:
            ValueError: if the shapes do not fit, or ``probabilities`` is missing.
        """
        if self.space == "logits":
            estimate = jacobian_norm_logits(gram.detach())
        elif probabilities is not None:
            estimate = jacobian_norm_probabilities(gram.detach(), probabilities.detach())
        else:
            raise ValueError(
                "Expected argument `probabilities` to be the softmax of the logits where `space` is 'probabilities', "
                "but got None. Pass them to `update`, or use space='logits'."
            )
        setattr(self, self._moments, with_inputs_of(getattr(self, self._moments), estimate))

    def _measured(self) -> Estimate:
        return mean_of(getattr(self, self._moments))
