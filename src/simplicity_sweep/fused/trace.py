"""Traces one optimiser step of `K` networks of one shape into a program of plain tensor operations."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, vmap
from torch.fx.experimental.proxy_tensor import make_fx

from simplicity_sweep.fused.capture import captured_logs, training_loss
from simplicity_sweep.fused.cross_entropy import PlainCrossEntropy
from simplicity_sweep.fused.program import Program, compile_step
from simplicity_sweep.fused.template import NoBatchIndex, template


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
        NotFusable: if the step uses what a program cannot hold: the batch's number, the trainer.
        Exception: whatever tracing raises, for a branch on the data, say.
    """
    step = _Step(module)
    entropy = PlainCrossEntropy() if plain_labels else contextlib.nullcontext()
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]), entropy:
        warnings.filterwarnings("error", message=".*batching rule")  # vmap would loop over the members
        traced = make_fx(_flat_step(step, list(params), list(buffers), stacked), tracing_mode="fake")(
            *params.values(), *buffers.values(), *batch
        )
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
        self.module = template(module)

    def forward(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        with captured_logs(self.module) as self.logged:
            return training_loss(self.module, batch, NoBatchIndex())
