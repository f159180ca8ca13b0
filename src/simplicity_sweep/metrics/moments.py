"""A mean and its standard error from parts that are seen once: batches, or what each process saw."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from simplicity_sweep.functional import Estimate, undefined


def no_moments() -> Tensor:
    """The moments of no value: count, mean and sum of squared deviations from it, shape ``[3]``, dtype float64.

    Example:
        >>> no_moments()
        tensor([0., 0., 0.], dtype=torch.float64)
    """
    return torch.zeros(3, dtype=torch.float64)


def merged(moments: Tensor) -> Tensor:
    """The moments of the union of ``k`` parts, shape ``[3]``; sums of squares never cancel.

    Args:
        moments: shape ``[k, 3]``, those of each part.

    References:
        T. F. Chan, G. H. Golub, R. J. LeVeque, Updating formulae and a pairwise algorithm for computing sample
        variances, COMPSTAT 1982.

    Example:
        The values 1 and 3, and the value 5: the mean is 3, the squared deviations 4 + 0 + 4.

        >>> merged(torch.tensor([[2.0, 2.0, 2.0], [1.0, 5.0, 0.0]]))
        tensor([3., 3., 8.])
    """
    counts, means, squares = moments.unbind(dim=1)
    count = counts.sum()
    mean = (counts * means).sum() / count.clamp_min(1)
    return torch.stack([count, mean, (squares + counts * (means - mean) ** 2).sum()])


def with_inputs_of(moments: Tensor, estimate: Estimate) -> Tensor:
    """The moments, shape ``[3]``, of what was there before and the values of an estimate's inputs.

    The inputs of an undefined estimate are NaN, and so is every mean from then on.

    Args:
        moments: shape ``[3]``, of what was there before.
        estimate: its ``per_input`` are taken.

    Example:
        >>> from simplicity_sweep.functional import mean_over_inputs
        >>> with_inputs_of(no_moments(), mean_over_inputs(torch.tensor([1.0, 3.0])))
        tensor([2., 2., 2.], dtype=torch.float64)
    """
    values = estimate.per_input
    if values is None:
        values = moments.new_full((estimate.n,), math.nan)
    mean = values.sum() / max(1, len(values))
    added = torch.stack([torch.full_like(mean, len(values)), mean, ((values - mean) ** 2).sum()])
    return merged(torch.stack([moments, added]))


def mean_of(moments: Tensor, not_finite: str = "non-finite outputs") -> Estimate:
    """The mean with its standard error, ``sd / sqrt(n)``, as of :func:`functional.mean_over_inputs`.

    Args:
        moments: shape ``[3]``.
        not_finite: the reason where a value was not finite.

    Example:
        >>> estimate = mean_of(torch.tensor([3.0, 3.0, 8.0]))
        >>> estimate.value, round(estimate.standard_error, 4), estimate.n
        (3.0, 1.1547, 3)
    """
    n, mean, squares = moments.tolist()
    if n == 0:
        return undefined("no inputs")
    if not math.isfinite(mean):
        return undefined(not_finite, int(n))
    return Estimate(mean, math.sqrt(squares / (n - 1) / n) if n > 1 else None, int(n))
