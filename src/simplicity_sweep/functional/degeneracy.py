"""Whether a network still computes anything: without this, its other figures mislead."""

from __future__ import annotations

import torch
from torch import Tensor

from simplicity_sweep.functional.encoding import NOT_FINITE, labels


def degenerate(logits: Tensor) -> bool:
    """Whether a network is dead: it predicts fewer than two distinct labels, or some logit is not finite.

    Args:
        logits: shape ``[n, C]``.

    Example:
        >>> degenerate(torch.tensor([[0.0, 1.0], [0.0, 2.0]])), degenerate(torch.eye(2))
        (True, False)
    """
    return not bool(logits.isfinite().all()) or distinct_predictions(logits) < 2


def distinct_predictions(logits: Tensor) -> int:
    """The number of distinct labels that are predicted; an output that is not finite predicts nothing.

    Args:
        logits: shape ``[n, C]``.

    Example:
        >>> distinct_predictions(torch.tensor([[0.0, 1.0], [2.0, 1.0], [0.0, 3.0]]))
        2
    """
    predicted = labels(logits)
    return torch.unique(predicted[predicted != NOT_FINITE]).numel()
