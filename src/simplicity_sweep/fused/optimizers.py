"""Optimiser updates over stacked parameters, each member with its own hyper-parameters and its own state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Protocol

import torch
from torch import Tensor

from simplicity_sweep.fused.network import NetworkStack
from simplicity_sweep.fused.stack import Stack

SUPPORTED: tuple[type[torch.optim.Optimizer], ...] = (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD)
_REFUSED = ("amsgrad", "maximize", "differentiable", "capturable")


def unsupported_option(group: Mapping[str, Any]) -> str | None:
    """Why a parameter group of a supported optimiser cannot be stacked, or None."""
    for option in _REFUSED:
        if group.get(option):
            return f"the optimiser's option {option} is set"
    for name, value in group.items():
        if name != "params" and isinstance(value, Tensor):
            return f"the optimiser's {name} is a tensor; a number can be stacked"
    if any(isinstance(beta, Tensor) for beta in group.get("betas", ())):
        return "the optimiser's betas are tensors; numbers can be stacked"
    return None


class StackedOptimizer(Protocol):
    """One update for all members of a stack."""

    def begin(self) -> None:
        """Takes over each optimiser's state and present hyper-parameters."""

    def step(self) -> None:
        """Updates every member's parameters from its gradients."""

    def end(self, steps: int) -> None:
        """Leaves each optimiser's own state as if it had made `steps` steps itself."""

    def memory(self) -> list[Tensor]:
        """What a step changes besides the parameters."""


def stacked_optimizer(optimizers: Sequence[torch.optim.Optimizer], networks: NetworkStack) -> StackedOptimizer:
    """The stacked form of `optimizers`, all of one class; the `k`-th is for the `k`-th network."""
    kind = SGD if isinstance(optimizers[0], torch.optim.SGD) else Adam
    return kind(optimizers, networks)


class _Spans:
    """How a row is handed to an elementwise kernel: as few pieces as leave every bit as it was tensor by tensor.

    torch's fused kernels work through a tensor in whole vectors and finish the rest one by one, which rounds
    differently. A tensor that fills whole vectors may therefore be merged with its neighbours, and another may not.
    """

    def __init__(self, stack: Stack, merge_all: bool) -> None:
        self.spans: list[tuple[int, int]] = []
        whole = False
        for (start, end), shape in zip(pairwise(stack.offsets), stack.shapes, strict=True):
            size = shape.numel()
            if merge_all or size == end - start:
                if whole:
                    self.spans[-1] = (self.spans[-1][0], end)
                else:
                    self.spans.append((start, end))
                whole = True
            else:
                self.spans.append((start, start + size))
                whole = False

    def of(self, row: Tensor) -> list[Tensor]:
        return [row[start:end] for start, end in self.spans if end > start]


class Adam:
    """`torch.optim.Adam` and `AdamW`: to the bit what they compute with `fused=True` for each member alone (on a CPU).

    The update is one call of torch's fused kernel a member. Calls are not merged across members with equal
    hyper-parameters: that would change bits.
    """

    def __init__(self, optimizers: Sequence[torch.optim.Optimizer], networks: NetworkStack) -> None:
        self._optimizers, self._owned = optimizers, networks.parameters
        params, grads = networks.params, networks.grads
        members, like = len(optimizers), params.rows
        self._moments = [Stack(params.shapes, members, like) for _ in range(2)]
        self._time = torch.zeros(members, dtype=torch.float32, device=like.device)
        spans = _Spans(params, merge_all=False)
        rows = (params.rows, grads.rows, self._moments[0].rows, self._moments[1].rows)
        self._pieces = [[spans.of(stack[k]) for stack in rows] for k in range(members)]
        self._times = [[self._time[k]] * len(self._pieces[k][0]) for k in range(members)]
        self._calls: list[tuple[Any, ...]] = []

    def begin(self) -> None:
        times = []
        for k, optimizer in enumerate(self._optimizers):
            for moment, name in zip(self._moments, ("exp_avg", "exp_avg_sq"), strict=True):
                adopt_state(moment, k, optimizer, self._owned[k], name)
            times.append(float(optimizer.state[self._owned[k][0]]["step"]))
        self._time.copy_(torch.tensor(times))
        self._calls = []
        for k, optimizer in enumerate(self._optimizers):
            group = optimizer.param_groups[0]
            update = torch._fused_adamw_ if decouples_weight_decay(optimizer) else torch._fused_adam_
            options = {name: group[name] for name in ("lr", "weight_decay", "eps")}
            options.update(beta1=group["betas"][0], beta2=group["betas"][1], amsgrad=False, maximize=False)
            self._calls.append((update, *self._pieces[k], [], self._times[k], options))

    def step(self) -> None:
        self._time.add_(1)
        for update, params, grads, first, second, unused, times, options in self._calls:
            update(params, grads, first, second, unused, times, **options)

    def end(self, steps: int) -> None:
        for optimizer, owned in zip(self._optimizers, self._owned, strict=True):
            for parameter in owned:
                optimizer.state[parameter]["step"].add_(steps)

    def memory(self) -> list[Tensor]:
        return [moment.rows for moment in self._moments]


class SGD:
    """`torch.optim.SGD`, to the bit what it computes for each member alone (on a CPU), with or without `fused=True`."""

    def __init__(self, optimizers: Sequence[torch.optim.Optimizer], networks: NetworkStack) -> None:
        self._optimizers, self._owned = optimizers, networks.parameters
        params, grads = networks.params, networks.grads
        members = len(optimizers)
        self._momentum = Stack(params.shapes, members, params.rows)
        rows = (params.rows, grads.rows, self._momentum.rows)
        self._pieces = []
        for k, optimizer in enumerate(optimizers):
            spans = _Spans(params, merge_all=not optimizer.param_groups[0].get("fused"))
            self._pieces.append([spans.of(stack[k]) for stack in rows])
        self._calls: list[tuple[list[Tensor], list[Tensor], list[Tensor], dict[str, Any]]] = []

    def begin(self) -> None:
        self._calls = []
        for k, optimizer in enumerate(self._optimizers):
            group = optimizer.param_groups[0]
            names = ("weight_decay", "momentum", "lr", "dampening", "nesterov")
            options = {name: group[name] for name in names} | {"maximize": False, "is_first_step": False}
            params, grads, momentum = self._pieces[k]
            if group["momentum"]:
                state = optimizer.state[group["params"][0]]
                options["is_first_step"] = state.get("momentum_buffer") is None
                adopt_state(self._momentum, k, optimizer, self._owned[k], "momentum_buffer")
            self._calls.append((params, grads, momentum if group["momentum"] else [], options))

    def step(self) -> None:
        for params, grads, momentum, options in self._calls:
            torch._fused_sgd_(params, grads, momentum, **options)
            options["is_first_step"] = False

    def end(self, steps: int) -> None:
        del steps  # SGD counts none

    def memory(self) -> list[Tensor]:
        return [self._momentum.rows]


def decouples_weight_decay(optimizer: torch.optim.Optimizer) -> bool:
    """Whether the weight decays apart from the gradient, as in AdamW."""
    group = optimizer.param_groups[0]
    return isinstance(optimizer, torch.optim.AdamW) or bool(group.get("decoupled_weight_decay"))


def adopt_state(
    stack: Stack, member: int, optimizer: torch.optim.Optimizer, owned: Sequence[Tensor], name: str
) -> None:
    """Makes `optimizer.state[p][name]` of each parameter `p` the stack's view, its content kept, 0 if it had none."""
    group = optimizer.param_groups[0]
    for index, parameter in enumerate(owned):
        state = optimizer.state[parameter]
        if name.startswith("exp_avg") and "step" not in state:
            on_device = bool(group.get("fused"))
            state["step"] = torch.zeros((), device=parameter.device if on_device else "cpu")
        held = state.get(name)
        view = stack.owned[member][index]
        if held is None:
            view.zero_()
        elif held is not view:
            stack.adopt(member, index, held)
        state[name] = view
