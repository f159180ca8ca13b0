"""What a value holds, as something that can be compared."""

from __future__ import annotations

import functools
import operator
import types
from collections import deque
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from omegaconf import OmegaConf
from torch import Tensor, nn

_CONSTANT = str | bytes | bool | int | float | complex | None | torch.dtype | torch.device | torch.Size
# Their objects are compared by identity: what they hold is large (a Trainer), or changes without meaning anything.
OPAQUE = ("torch", "pytorch_lightning", "lightning_fabric", "torchmetrics", "hydra", "mlflow")
_DEPTH = 8


class _Same:
    """Equal for the same object only; holds it, so that no other one gets its identity."""

    def __init__(self, held: object) -> None:
        self._held = held

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other._held is self._held

    def __hash__(self) -> int:
        return id(self._held)


def contents(value: Any, ignored: frozenset[str] = frozenset(), depth: int = _DEPTH) -> Hashable:
    """A hashable that is equal for equal contents; for what cannot be looked into, equal only for the same object.

    Containers and objects are looked into; of an `nn.Module` only the structure is compared, of a tensor the identity
    and whether it has been changed in place.

    Args:
        value: anything.
        ignored: keys that are left out of mappings; if there are any, so is a factory of optimisers.
        depth: how far objects within objects are looked into.

    >>> contents({"beta": 0.5, "lr": 1}, ignored=frozenset({"lr"})) == contents({"beta": 0.5})
    True
    >>> contents([0.1]) == contents((0.1,))
    False
    >>> contents(OmegaConf.create({"betas": [0.9, 0.999]})) == contents({"betas": [0.9, 0.999]})
    True
    """
    if isinstance(value, _CONSTANT):
        return repr((type(value).__name__, value))
    if depth == 0:
        return _Same(value)
    if OmegaConf.is_config(value):
        value = OmegaConf.to_container(value)
    inner = functools.partial(contents, ignored=ignored, depth=depth - 1)
    kind = type(value).__qualname__
    if isinstance(value, Mapping):
        pairs = [(str(key), inner(item)) for key, item in value.items() if key not in ignored]
        return kind, tuple(sorted(pairs, key=operator.itemgetter(0)))
    if isinstance(value, list | tuple | deque):
        return kind, tuple(inner(item) for item in value)
    if isinstance(value, set | frozenset):
        return kind, frozenset(inner(item) for item in value)
    if isinstance(value, functools.partial):
        if ignored and isinstance(value.func, type) and issubclass(value.func, torch.optim.Optimizer):
            return "optimizer"
        return kind, inner(value.func), inner(value.args), inner(value.keywords)
    if isinstance(value, nn.Module):
        return repr(value)
    if isinstance(value, Tensor):
        return _Same(value), value._version
    if isinstance(value, np.ndarray) and value.dtype != object:
        return kind, value.shape, value.dtype.str, value.tobytes()
    return _of_object(value, inner)


def _of_object(value: Any, inner: Any) -> Hashable:
    if isinstance(value, type) or _is_global_function(value):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, types.FunctionType):
        cells = [cell.cell_contents for cell in value.__closure__ or () if cell != types.CellType()]
        return _Same(value), inner(cells)
    if type(value).__module__.partition(".")[0] in OPAQUE:
        return _Same(value)
    try:
        parts = value.__reduce_ex__(4)
    except Exception:  # not everything can be taken apart
        return _Same(value)
    if isinstance(parts, str):
        return _Same(value)
    _, arguments, state, items, pairs = (*parts, None, None, None)[:5]
    return type(value).__qualname__, inner(arguments), inner(state), inner(list(items or ())), inner(list(pairs or ()))


def _is_global_function(value: object) -> bool:
    name = getattr(value, "__qualname__", "<")
    return isinstance(value, types.FunctionType | types.BuiltinFunctionType) and "<" not in name and not _owner(value)


def _owner(value: object) -> object:
    """What a method is bound to; a module, for a builtin function."""
    owner = getattr(value, "__self__", None)
    return None if isinstance(owner, types.ModuleType) else owner
