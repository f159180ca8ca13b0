"""Traces one optimiser step of `K` networks of one shape into a program of plain tensor operations."""

from __future__ import annotations

import contextlib
import copy
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, vmap
from torch.fx.experimental.proxy_tensor import make_fx

from simplicity_sweep.fused.capture import captured_logs, training_loss
from simplicity_sweep.fused.cross_entropy import PlainCrossEntropy
from simplicity_sweep.fused.member import NotFusable
from simplicity_sweep.fused.program import Program, compile_step


def trace(
    module: nn.Module,
    params: Mapping[str, Tensor],
    buffers: Mapping[str, Tensor],
    batch: tuple[Tensor, Tensor],
    *,
    stacked: bool,
    plain_labels: bool = False,
) -> Program:
    """The step of networks like `module`.

    Args:
        module: one of them; a copy of it is traced, and it is left as it is.
        params: by name; `[K, ...]` if stacked.
        buffers: by name, likewise.
        batch: inputs `[K, B, ...]` and labels `[K, B]` if stacked, or else `[B, ...]` and `[B]`.
        stacked: whether the program is to step `K` networks, or one by the very operations of its own `training_step`.
        plain_labels: whether every label is the number of a class, so that none is to be ignored.

    Raises:
        NotFusable: if the step uses what a program cannot hold: the batch's number, the trainer, an attribute that it
            changes.
        Exception: whatever tracing raises, for a branch on the data, say.
    """
    step = _Step(module)
    watched = _attributes(step.module)
    entropy = PlainCrossEntropy() if plain_labels else contextlib.nullcontext()
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]), entropy:
        warnings.filterwarnings("error", message=".*batching rule")  # vmap would loop over the members
        traced = make_fx(_flat_step(step, list(params), list(buffers), stacked), tracing_mode="fake")(
            *params.values(), *buffers.values(), *batch
        )
    if changed := sorted(set(_attributes(step.module).items()) ^ set(watched.items())):
        raise NotFusable(f"training_step changes the attribute {changed[0][0]}, which is neither parameter nor buffer")
    return compile_step(traced.graph, list(params), len(buffers), step.logged.values, step.logged.options)


def _flat_step(step: _Step, params: list[str], buffers: list[str], stacked: bool) -> Callable[..., tuple[Tensor, ...]]:
    """(parameters, buffers, inputs, labels) → (gradients, new buffers, logged values, loss), all stacked or none."""

    def loss(
        p: dict[str, Tensor], b: dict[str, Tensor], x: Tensor, y: Tensor
    ) -> tuple[Tensor, tuple[dict[str, Tensor], tuple[Tensor, ...]]]:
        value = functional_call(step, (p, b), ((x, y),))
        return value, (b, tuple(v for v in step.logged.values.values() if isinstance(v, Tensor)))

    gradient = grad_and_value(loss, has_aux=True)
    if stacked:
        gradient = vmap(gradient, randomness="different")

    def flat(*tensors: Tensor) -> tuple[Tensor, ...]:
        p = {f"module.{n}": t for n, t in zip(params, tensors, strict=False)}
        b = {f"module.{n}": t for n, t in zip(buffers, tensors[len(params) :], strict=False)}
        grads, (losses, (new, logged)) = gradient(p, b, tensors[-2], tensors[-1])
        return (*grads.values(), *new.values(), *logged, losses)

    return flat


class _Step(nn.Module):
    """`training_step` as a forward pass; what it logs is left in `logged`."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = _detached_copy(module)

    def forward(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        with captured_logs(self.module) as self.logged:
            return training_loss(self.module, batch, _NoBatchIndex())


class _NoBatchIndex:
    """Stands for `batch_idx`: one program serves all batches, so a step that looks at the number cannot be stacked."""

    def _refuse(self, *_: object) -> Any:
        raise NotFusable("training_step uses batch_idx")

    __bool__ = __int__ = __index__ = __float__ = __str__ = __format__ = __hash__ = _refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __add__ = __sub__ = __mul__ = __mod__ = __floordiv__ = __truediv__ = _refuse
    __radd__ = __rsub__ = __rmul__ = __rmod__ = _refuse


def _detached_copy(module: nn.Module) -> nn.Module:
    """A copy without a trainer, that won't tell the epoch or the step: they would become constants of the program."""
    template = copy.deepcopy(module)

    def refuse(name: str) -> property:
        def get(_: nn.Module) -> Any:
            raise NotFusable(f"training_step uses self.{name}")

        return property(get)

    names = [
        n for n in ("current_epoch", "global_step", "trainer") if isinstance(getattr(type(module), n, None), property)
    ]
    kind = type(template)
    template.__class__ = type(kind.__name__, (kind,), {name: refuse(name) for name in names})
    return template


def _attributes(module: nn.Module) -> dict[str, tuple[int, int]]:
    """What each part holds outside parameters and buffers: by path, identity and length."""
    found = {}
    for path, part in module.named_modules():
        for name, value in vars(part).items():
            if name not in ("_parameters", "_buffers", "_modules"):
                size = len(value) if isinstance(value, list | dict | set) else -1
                found[f"{path}.{name}".lstrip(".")] = (id(value), size)
    return found
