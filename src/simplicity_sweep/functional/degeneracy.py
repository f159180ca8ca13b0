"""Whether a network still computes anything: without this, its other figures mislead."""

from __future__ import annotations

import torch
from torch import Tensor

from simplicity_sweep.functional.encoding import NOT_FINITE, labels
from simplicity_sweep.functional.estimate import Estimate, undefined


def degenerate(logits: Tensor) -> Estimate:
    """Whether a network is dead (1) or not (0): it predicts one label only, or some logit is not finite.

    Args:
        logits: shape ``[n, C]``.

    Returns:
        1 or 0, without a standard error, which is also the estimate's truth value; NaN where there is no input.

    Example:
        >>> bool(degenerate(torch.tensor([[0.0, 1.0], [0.0, 2.0]]))), bool(degenerate(torch.eye(2)))
        (True, False)
    """
    if len(logits) == 0:
        return undefined("no inputs")
    dead = not bool(logits.isfinite().all()) or distinct_predictions(logits) < 2
    return Estimate(float(dead), n=len(logits))


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
