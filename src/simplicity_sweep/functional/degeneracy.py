"""Whether a network still computes anything: without this, its other figures mislead."""

from __future__ import annotations

import torch
from torch import Tensor

from simplicity_sweep.functional.encoding import NOT_FINITE, labels
from simplicity_sweep.functional.estimate import Estimate, undefined
from simplicity_sweep.functional.sensitivity import output_spread


def degenerate(logits: Tensor) -> Estimate:
    """Whether a network is dead (1) or not (0): it predicts fewer than two labels, some logit is not finite, or the
    logits are the same for every input, but for rounding.

    The last happens with several labels where logits are tied: rounding then decides, input by input. What the three
    rest on can be had by itself: :func:`distinct_predictions` and :func:`output_spread`.

    Args:
        logits: shape ``[n, C]``; a single logit (C = 1) has the labels 0 and 1.

    Returns:
        1 or 0, without a standard error, which is also the estimate's truth value; NaN where there is no input. One
        input alone has one label, so 1.

    Raises:
        ValueError: if there are not two axes, or C = 0.

    Example:
        One label; two labels; two labels by rounding alone.

        >>> bool(degenerate(torch.tensor([[0.0, 1.0], [0.0, 2.0]]))), bool(degenerate(torch.eye(2)))
        (True, False)
        >>> tied = torch.tensor([[1.0, 1.0], [1.0, 1.0000001]])
        >>> distinct_predictions(tied), bool(degenerate(tied))
        (2, True)
    """
    if logits.dim() != 2:
        raise ValueError(f"Expected argument `logits` to have shape [n, C], but got {list(logits.shape)}.")
    if len(logits) == 0:
        return undefined("no inputs")
    dead = not bool(logits.isfinite().all()) or distinct_predictions(logits) < 2 or _constant(logits)
    return Estimate(float(dead), n=len(logits))


def degenerate_outputs(outputs: Tensor) -> Estimate:
    """Whether a network whose outputs are no logits of classes is dead (1) or not (0): some output is not finite, or
    the outputs are the same for every input, but for rounding.

    Args:
        outputs: shape ``[n, k]``.

    Returns:
        1 or 0, without a standard error; NaN where there is no input.

    Raises:
        ValueError: if there are not two axes.

    Example:
        >>> bool(degenerate_outputs(torch.tensor([[1.0], [2.0]]))), bool(degenerate_outputs(torch.ones(2, 1)))
        (False, True)
    """
    if outputs.dim() != 2:
        raise ValueError(f"Expected argument `outputs` to have shape [n, k], but got {list(outputs.shape)}.")
    if len(outputs) == 0:
        return undefined("no inputs")
    return Estimate(float(not bool(outputs.isfinite().all()) or _constant(outputs)), n=len(outputs))


def distinct_predictions(logits: Tensor) -> int:
    """The number of distinct labels that are predicted; an output that is not finite predicts nothing.

    Args:
        logits: shape ``[n, C]``.

    Example:
        >>> distinct_predictions(torch.tensor([[0.0, 1.0], [2.0, 1.0], [0.0, 3.0]]))
        2
    """
    predicted = labels(logits)
    return len(torch.unique(predicted[predicted != NOT_FINITE]))


def _constant(logits: Tensor) -> bool:
    """Whether the spread is no larger than what rounding makes of equal rows, as in :func:`noise_relative`."""
    epsilon = torch.finfo(logits.dtype).eps if logits.is_floating_point() else 0.0
    return output_spread(logits).value <= 8 * epsilon * float(logits.double().norm(dim=-1).mean())
