"""What all metrics have in common: a value that comes with its standard error, or with why there is none."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torchmetrics import Metric
from torchmetrics.utilities.distributed import gather_all_tensors

from simplicity_sweep.functional import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class EstimateMetric(Metric, ABC):
    """A measurement of everything that ``update`` was given, by one process or by several.

    ``compute`` returns a float64 scalar on the metric's device. A measurement that does not exist is NaN, never 0;
    :attr:`reason` says why. The states keep their dtypes when a module that holds the metric is cast: in bfloat16 a
    sum soon grows no more.

    A subclass holds state and says what it amounts to in ``_measured``.

    Args:
        kwargs: those of :class:`torchmetrics.Metric`.

    Example:
        >>> from simplicity_sweep.metrics import EstimateMetric
        >>> class Largest(EstimateMetric):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.add_state("largest", torch.tensor(0.0), dist_reduce_fx="max")
        ...     def update(self, values):
        ...         self.largest = torch.maximum(self.largest, values.max())
        ...     def _measured(self):
        ...         return Estimate(float(self.largest))
        >>> metric = Largest()
        >>> metric.update(torch.tensor([1.0, 3.0]))
        >>> metric.compute(), metric.reason
        (tensor(3., dtype=torch.float64), None)
    """

    is_differentiable = False
    higher_is_better = None
    full_state_update = False
    plot_lower_bound = 0.0

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._estimate: Estimate
        self._kept_dtypes: dict[str, torch.dtype] = {}

    @abstractmethod
    def _measured(self) -> Estimate:
        """The measurement, from the states."""

    def compute(self) -> Tensor:
        """The value of all that was given, float64; NaN where it is undefined."""
        self._estimate = self._measured()
        return torch.tensor(self._estimate.value, dtype=torch.float64, device=self.device)

    @property
    def standard_error(self) -> float | None:
        """The standard error of ``compute()`` over inputs, in its unit; ``None`` for a count, or for one input.

        Like ``compute``, which it calls where that is due, it is to be asked for by every process.
        """
        self.compute()
        return self._estimate.standard_error

    @property
    def reason(self) -> str | None:
        """Why ``compute()`` is NaN; ``None`` where it is defined. As :attr:`standard_error`, it may call it."""
        self.compute()
        return self._estimate.reason

    def plot(self, val: Tensor | Sequence[Tensor] | None = None, ax: Axes | None = None) -> Any:
        """The figure and the axes of one value or of several in their order; needs matplotlib.

        Args:
            val: what ``compute`` or ``forward`` returned, once or several times; by default ``compute()``.
            ax: axes to draw on.
        """
        return self._plot(val, ax)

    def _add_kept(self, name: str, dtype: torch.dtype) -> None:
        """A state that keeps numbers in the order in which they come; that of processes is their ranks'."""
        self._kept_dtypes[name] = dtype
        self.add_state(name, [], dist_reduce_fx="cat")

    def _keep(self, name: str, values: Tensor) -> None:
        # A copy: the caller may write to his tensor before the value is computed.
        getattr(self, name).append(values.detach().flatten().to(self._kept_dtypes[name], copy=True))

    def _kept(self, name: str) -> Tensor:
        """Everything that was kept, one axis."""
        state: Tensor | list[Tensor] = getattr(self, name)
        if isinstance(state, Tensor):  # gathered from several processes
            return state
        return torch.cat(state) if state else self._nothing(name)

    def _nothing(self, name: str) -> Tensor:
        return torch.empty(0, dtype=self._kept_dtypes[name], device=self.device)

    def _sync_dist(
        self, dist_sync_fn: Callable[..., Any] = gather_all_tensors, process_group: Any | None = None
    ) -> None:
        # For a process that was given nothing torchmetrics sends an empty tensor of the default dtype; where the others
        # send another one, the processes disagree on what is being sent.
        for name in self._kept_dtypes:
            if not getattr(self, name):
                setattr(self, name, [self._nothing(name)])
        super()._sync_dist(dist_sync_fn, process_group)

    def _apply(self, fn: Callable[[Tensor], Tensor], exclude_state: Sequence[str] = "") -> nn.Module:
        def keeping_dtype(tensor: Tensor) -> Tensor:
            moved = fn(tensor)
            return moved if moved.dtype == tensor.dtype else tensor.to(moved.device)

        return super()._apply(keeping_dtype, exclude_state)
