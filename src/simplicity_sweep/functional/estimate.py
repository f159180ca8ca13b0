"""The value of a measurement together with how sure of it one may be."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """A measured number, its standard error and what it was averaged over.

    ``float(estimate)`` is the value. An undefined measurement has the value NaN and says why in ``reason``; a
    value is never replaced by 0.

    Attributes:
        value: the measured number.
        standard_error: the standard error of ``value`` over inputs, in the value's unit; ``None`` where the
            value is exact for the given inputs (a count) or where one input leaves the error unknown.
        n: number of independent inputs (or paths, or sequences) behind ``value``.
        per_input: the value of each input, shape ``[n]``; ``None`` where there is no such thing.
        reason: why ``value`` is NaN; ``None`` where it is defined.

    Example:
        >>> estimate = Estimate(value=2.5, standard_error=0.5, n=4)
        >>> float(estimate), estimate.reason
        (2.5, None)
    """

    value: float
    standard_error: float | None = None
    n: int = 0
    per_input: Tensor | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        if math.isnan(self.value) and self.reason is None:
            raise ValueError("Expected argument `reason` to say why `value` is NaN, but got None.")

    def __float__(self) -> float:
        return self.value

    def __bool__(self) -> bool:
        return self.value != 0


def undefined(reason: str, n: int = 0, per_input: Tensor | None = None) -> Estimate:
    """The estimate of a quantity that does not exist here: NaN, with the reason.

    Example:
        >>> undefined("no inputs").value
        nan
    """
    return Estimate(math.nan, None, n, per_input, reason)


def mean_over_inputs(values: Tensor) -> Estimate:
    """The mean over inputs, with a standard error that is clustered on inputs.

    Draws of one input are not independent inputs: they are averaged first, and the spread is taken between
    inputs, ``sd(mean over draws) / sqrt(n)``.

    Args:
        values: shape ``[n]``, one value per input, or ``[draws, n]``.

    Returns:
        The mean; NaN with a reason if there is no input or a value is not finite; no standard error if ``n``
        is 1.

    Raises:
        ValueError: if ``values`` has no or more than two axes.

    Example:
        Two draws on three inputs: the means by input are 1, 2 and 3.

        >>> import torch
        >>> estimate = mean_over_inputs(torch.tensor([[0.0, 2.0, 3.0], [2.0, 2.0, 3.0]]))
        >>> estimate.value, round(estimate.standard_error, 4), estimate.n
        (2.0, 0.5774, 3)
    """
    if values.dim() not in (1, 2):
        raise ValueError(f"Expected argument `values` to have shape [n] or [draws, n], but got {list(values.shape)}.")
    per_input = values.double() if values.dim() == 1 else values.double().mean(dim=0)
    n = per_input.numel()
    if values.numel() == 0:
        return undefined("no inputs")
    if not bool(per_input.isfinite().all()):
        return undefined("non-finite outputs", n, per_input)
    error = float(per_input.std() / math.sqrt(n)) if n > 1 else None
    return Estimate(float(per_input.mean()), error, n, per_input)
