"""A copy of a module whose training step can be tried without a trace: it has no trainer, and takes notes."""

from __future__ import annotations

import copy
from typing import Any

from torch import nn

from simplicity_sweep.fused.member import NotFusable

# What changes from step to step or from epoch to epoch, and would become a constant of the program.
_REFUSED = ("current_epoch", "global_step", "trainer", "logger", "loggers")


def template(module: nn.Module, notes: set[str] | None = None) -> nn.Module:
    """A copy that won't tell the epoch, the step or the trainer.

    Args:
        module: left as it is.
        notes: is given the names of the attributes that are read of the copy, and of its hyper-parameters as
            `hparams.NAME`; as `hparams.*` where all of them are.
    """
    copied = copy.deepcopy(module)
    kind = type(copied)
    body: dict[str, Any] = {n: _refusal(n) for n in _REFUSED if isinstance(getattr(kind, n, None), property)}
    if notes is not None:
        hparams = vars(copied).get("_hparams")
        if isinstance(hparams, dict):
            vars(copied)["_hparams"] = _noting_hparams(hparams, notes)
        body["__getattribute__"] = _noting(kind, notes)
    copied.__class__ = type(kind.__name__, (kind,), body)
    return copied


class NoBatchIndex:
    """Stands for `batch_idx`: one program serves all batches, so a step that looks at the number cannot be stacked."""

    def _refuse(self, *_: object) -> Any:
        raise NotFusable("training_step uses batch_idx")

    __bool__ = __int__ = __index__ = __float__ = __str__ = __format__ = __hash__ = _refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __add__ = __sub__ = __mul__ = __mod__ = __floordiv__ = __truediv__ = _refuse
    __radd__ = __rsub__ = __rmul__ = __rmod__ = __rfloordiv__ = __rtruediv__ = _refuse


def _refusal(name: str) -> property:
    def get(_: nn.Module) -> Any:
        raise NotFusable(f"training_step uses self.{name}")

    return property(get)


def _noting(kind: type, notes: set[str]) -> Any:
    def read(self: nn.Module, name: str) -> Any:
        notes.add(name)
        return kind.__getattribute__(self, name)  # type: ignore[call-arg, arg-type]

    return read


def _noting_hparams(hparams: dict[str, Any], notes: set[str]) -> dict[str, Any]:
    kind = type(hparams)

    def one(method: str) -> Any:
        def read(self: dict[str, Any], name: str, *default: Any) -> Any:
            notes.add(f"hparams.{name}")
            return getattr(kind, method)(self, name, *default)

        return read

    def all_of(method: str) -> Any:
        def read(self: dict[str, Any], *arguments: Any) -> Any:
            notes.add("hparams.*")
            return getattr(kind, method)(self, *arguments)

        return read

    body = {method: one(method) for method in ("__getitem__", "__contains__", "get")}
    body |= {method: all_of(method) for method in ("__iter__", "keys", "items", "values", "__eq__", "copy", "__len__")}
    noting: dict[str, Any] = type(kind.__name__, (kind,), body | {"__hash__": None})()
    dict.update(noting, hparams)
    return noting
