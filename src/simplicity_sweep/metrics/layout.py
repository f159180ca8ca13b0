"""How numbers that are kept in one long row are to be read."""

from __future__ import annotations

import torch
from torch import Tensor


def agreed(layouts: Tensor) -> Tensor:
    """The one layout of all parts, shape ``[m]``; zeros where no part has one yet.

    Args:
        layouts: shape ``[k, m]``, whole numbers; zeros for a part that has none.

    Raises:
        ValueError: if two parts differ: their numbers can't be read in one way.

    Example:
        >>> agreed(torch.tensor([[0, 0], [2, 10], [2, 10]]))
        tensor([ 2, 10])
    """
    known = torch.unique(layouts[layouts.any(dim=1)], dim=0)
    if len(known) > 1:
        raise ValueError(
            "Expected every batch, on every process, to have the same number of outputs (and, where there are any, the "
            f"same number of draws and dtype), but got the layouts {known.tolist()}. Use one metric for each."
        )
    return known[0] if len(known) else layouts[0]
