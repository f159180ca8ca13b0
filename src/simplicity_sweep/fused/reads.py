"""What a step reads of the settings that members of a group may differ in."""

from __future__ import annotations

import inspect
from collections.abc import Hashable, Iterable
from typing import Any

from torch import nn

from simplicity_sweep.fused.contents import OPAQUE, contents
from simplicity_sweep.fused.member import Member
from simplicity_sweep.fused.signature import INTERNAL, hyper_parameters

_DATA = (bool, int, float, complex, str, bytes, list, tuple, dict, set)


def left_out(member: Member, read: Iterable[str]) -> frozenset[str]:
    """Those of the names read by a step whose values `structure` does not hold, or not wholly.

    Args:
        member: whose step was watched.
        read: names of attributes, and of hyper-parameters as `hparams.NAME`; `hparams.*` for all of them.

    >>> import torch
    >>> layer = nn.Linear(2, 2)
    >>> layer.lr, layer.beta = 0.1, 0.5
    >>> left_out(Member(layer, torch.optim.SGD(layer.parameters(), lr=0.1)), {"lr", "beta", "weight", "forward"})
    frozenset({'lr'})
    """
    ignored = hyper_parameters(member)
    names = {name for name in read if name != "hparams.*"}
    if "hparams.*" in read:
        names |= {f"hparams.{name}" for name in _hparams(member.module)}
    return frozenset(name for name in names if not _is_held(member.module, name, ignored))


def settings(member: Member, names: frozenset[str]) -> Hashable:
    """The values of what `left_out` named."""
    return tuple((name, contents(_value(member.module, name))) for name in sorted(names))


def _is_held(module: nn.Module, name: str, ignored: frozenset[str]) -> bool:
    """Whether `structure` holds the whole value of an attribute or hyper-parameter."""
    value, own = _value(module, name), name.removeprefix("hparams.")
    if own == name and name not in vars(module):
        return not _is_data_of_class(module, name, value)
    if own == name and name in INTERNAL:
        return name != "_hparams_initial"
    return own not in ignored and contents(value, ignored) == contents(value)


def _is_data_of_class(module: nn.Module, name: str, value: Any) -> bool:
    """Whether the name is an attribute of a user's class that is no method and no property."""
    owner = next((kind for kind in type(module).__mro__ if name in vars(kind)), object)
    ours = owner.__module__.partition(".")[0] in (*OPAQUE, "builtins")
    return not ours and not name.startswith("__") and isinstance(value, _DATA)


def _value(module: nn.Module, name: str) -> Any:
    if name.startswith("hparams."):
        return _hparams(module).get(name.removeprefix("hparams."))
    return inspect.getattr_static(module, name, None)


def _hparams(module: nn.Module) -> dict[str, Any]:
    return vars(module).get("_hparams") or {}
