"""The worker threads that torch's operations share their work among."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import cache

import torch

_SOFT = 1  # omp_pause_soft: settings such as the number of threads stay


def release_workers() -> None:
    """Ends the workers of the calling thread; its next operation that wants some gets new ones.

    Each thread that calls a large operation gets workers of its own, which are kept until it ends: a waiting thread
    should give them back.
    """
    if (pause := _pause()) is not None:
        pause(_SOFT)


@cache
def _pause() -> Callable[[int], int] | None:
    """The function of torch's OpenMP (5.0 or later) that does so; None where it has none."""
    if sys.platform != "linux":
        return None
    try:
        return ctypes.CDLL(torch._C.__file__).omp_pause_resource_all
    except (OSError, AttributeError):
        return None
