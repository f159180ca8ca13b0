"""How kernels are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy.typing as npt
from numba import njit

Array = npt.NDArray[Any]

_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(function: _Function) -> _Function:
    """The function, compiled when it is first called, or read from the cache that an earlier process left."""
    return cast(_Function, njit(cache=True, nogil=True)(function))
