"""Optimiser updates in one pass for all members, with nothing for the host to decide: for a GPU, in a captured graph.

Each hyper-parameter is a column, one value a member. The results are torch.optim's up to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from simplicity_sweep.fused.network import NetworkStack
from simplicity_sweep.fused.optimizers import adopt_state, decouples_weight_decay
from simplicity_sweep.fused.stack import Stack


class _Columns:
    """Hyper-parameters as columns `[K, 1]`, kept in place, so that a captured graph reads their present values."""

    def __init__(self, optimizers: Sequence[torch.optim.Optimizer], networks: NetworkStack) -> None:
        self._optimizers, self._owned = optimizers, networks.parameters
        self._params, self._grads = networks.params.rows, networks.grads.rows
        self._shapes = networks.params

    def _column(self) -> Tensor:
        return self._params.new_zeros(len(self._optimizers), 1)

    def _moment(self) -> Stack:
        return Stack(self._shapes.shapes, len(self._optimizers), self._params)

    def _fill(self, column: Tensor, name: str, item: int | None = None) -> None:
        values = [optimizer.param_groups[0][name] for optimizer in self._optimizers]
        flat = [float(value if item is None else value[item]) for value in values]
        column.copy_(torch.tensor(flat, dtype=torch.float64).unsqueeze(1))


class AdamColumns(_Columns):
    """`torch.optim.Adam` and `AdamW` for all members at once."""

    def __init__(self, optimizers: Sequence[torch.optim.Optimizer], networks: NetworkStack) -> None:
        super().__init__(optimizers, networks)
        self._first, self._second = self._moment(), self._moment()
        self._lr, self._eps, self._decay, self._coupled = (self._column() for _ in range(4))
        # In float64: 1 - 0.999 ** t keeps four digits only in float32.
        self._time, self._beta1, self._beta2 = (self._column().double() for _ in range(3))
        self._scratch = torch.empty_like(self._params)

    def begin(self) -> None:
        """Takes over each optimiser's state and present hyper-parameters."""
        for k, optimizer in enumerate(self._optimizers):
            adopt_state(self._first, k, optimizer, self._owned[k], "exp_avg")
            adopt_state(self._second, k, optimizer, self._owned[k], "exp_avg_sq")
        steps = [o.state[p[0]]["step"] for o, p in zip(self._optimizers, self._owned, strict=True)]
        self._time.copy_(torch.stack(steps).unsqueeze(1))
        self._fill(self._lr, "lr")
        self._fill(self._eps, "eps")
        self._fill(self._beta1, "betas", 0)
        self._fill(self._beta2, "betas", 1)
        self._fill(self._decay, "weight_decay")
        decoupled = torch.tensor([[decouples_weight_decay(o)] for o in self._optimizers], device=self._decay.device)
        self._coupled.copy_(self._decay.masked_fill(decoupled, 0))
        self._decay.copy_(1 - self._lr * self._decay.masked_fill(~decoupled, 0))

    def step(self) -> None:
        """Updates every member's parameters from its gradients."""
        self._time.add_(1)
        rate = self._lr / (1 - self._beta1**self._time).to(self._lr.dtype)
        second_scale = (1 - self._beta2**self._time).sqrt().to(self._lr.dtype)
        grads, scratch = self._grads, self._scratch
        grads.addcmul_(self._params, self._coupled)
        self._first.rows.lerp_(grads, (1 - self._beta1).to(self._lr.dtype))
        torch.mul(grads, grads, out=scratch)
        self._second.rows.lerp_(scratch, (1 - self._beta2).to(self._lr.dtype))
        torch.sqrt(self._second.rows, out=scratch)
        scratch.div_(second_scale).add_(self._eps)
        torch.div(self._first.rows, scratch, out=scratch)
        self._params.mul_(self._decay).addcmul_(scratch, -rate)

    def end(self, steps: int) -> None:
        """Leaves each optimiser's own state as if it had made `steps` steps itself."""
        counts = [o.state[p]["step"] for o, owned in zip(self._optimizers, self._owned, strict=True) for p in owned]
        torch._foreach_add_(counts, steps)

    def memory(self) -> list[Tensor]:
        """What a step changes besides the parameters."""
        return [self._time, self._first.rows, self._second.rows]


class SGDColumns(_Columns):
    """`torch.optim.SGD` for all members at once."""

    def __init__(self, optimizers: Sequence[torch.optim.Optimizer], networks: NetworkStack) -> None:
        super().__init__(optimizers, networks)
        self._velocity = self._moment()
        self._lr, self._decay, self._momentum = (self._column() for _ in range(3))
        self._gain, self._later_gain = self._column(), self._column()
        self._of_gradient, self._of_velocity = self._column(), self._column()
        self._scratch = torch.empty_like(self._params)

    def begin(self) -> None:
        """Takes over each optimiser's state and present hyper-parameters."""
        self._fill(self._lr, "lr")
        self._fill(self._decay, "weight_decay")
        self._fill(self._momentum, "momentum")
        rows = []
        for k, (optimizer, owned) in enumerate(zip(self._optimizers, self._owned, strict=True)):
            group = optimizer.param_groups[0]
            if not group["momentum"]:
                rows.append([0.0, 0.0, 1.0, 0.0])
                continue
            # torch starts the velocity with the whole first gradient, whatever the dampening.
            gain = 1.0 - group["dampening"]
            first = optimizer.state[owned[0]].get("momentum_buffer") is None
            by_nesterov = [1.0, group["momentum"]] if group["nesterov"] else [0.0, 1.0]
            rows.append([1.0 if first else gain, gain, *by_nesterov])
            adopt_state(self._velocity, k, optimizer, owned, "momentum_buffer")
        columns = (self._gain, self._later_gain, self._of_gradient, self._of_velocity)
        for column, values in zip(columns, torch.tensor(rows, dtype=torch.float64).unbind(1), strict=True):
            column.copy_(values.unsqueeze(1))

    def step(self) -> None:
        """Updates every member's parameters from its gradients."""
        grads, velocity, scratch = self._grads, self._velocity.rows, self._scratch
        grads.addcmul_(self._params, self._decay)
        velocity.mul_(self._momentum).addcmul_(grads, self._gain)
        torch.mul(grads, self._of_gradient, out=scratch)
        scratch.addcmul_(velocity, self._of_velocity)
        self._params.addcmul_(scratch, -self._lr)
        self._gain.copy_(self._later_gain)

    def end(self, steps: int) -> None:
        """Leaves each optimiser's own state as if it had made `steps` steps itself."""
        del steps  # SGD counts none

    def memory(self) -> list[Tensor]:
        """What a step changes besides the parameters."""
        return [self._velocity.rows, self._gain]


def column_optimizer(optimizers: Sequence[torch.optim.Optimizer], networks: NetworkStack) -> AdamColumns | SGDColumns:
    """The one-pass form of `optimizers`, all of one class; the `k`-th is for the `k`-th network."""
    kind = SGDColumns if isinstance(optimizers[0], torch.optim.SGD) else AdamColumns
    return kind(optimizers, networks)
