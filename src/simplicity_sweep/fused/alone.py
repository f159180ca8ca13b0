"""Steps one member the plain way, for whatever cannot be stacked."""

from __future__ import annotations

import threading
from typing import Any

import torch
from torch import Tensor

from simplicity_sweep.fused.capture import captured_logs, training_loss
from simplicity_sweep.fused.member import Member, StepLog, Work
from simplicity_sweep.fused.randomness import drawing_from


class Alone:
    """One member, stepped by its own `training_step`, `backward` and `optimizer.step`.

    Args:
        member: any module and any optimiser.
        reason: why it is stepped alone; it comes back with every log.
    """

    def __init__(self, member: Member, reason: str) -> None:
        self.member, self.reason = member, reason

    def run(self, work: Work, stop: threading.Event) -> StepLog:
        """Makes the steps, until they are done, one fails or `stop` is set between two of them."""
        steps: list[dict[str, Tensor]] = []
        options: dict[str, dict[str, Any]] = {}
        error = None
        try:
            with drawing_from(work.rng):
                for index, rows in enumerate(torch.split(work.order, work.batch_size)):
                    if stop.is_set():
                        break
                    batch = (work.inputs.index_select(0, rows), work.labels.index_select(0, rows))
                    steps.append(self._step(batch, work.first_batch + index, options))
        except Exception as raised:
            error = raised
        values = {name: torch.stack([step[name] for step in steps if name in step]) for name in (steps or [{}])[0]}
        losses = values.pop("", torch.zeros(0))
        return StepLog(losses, values, options, work.sizes()[: len(steps)], self.reason, error)

    def _step(self, batch: tuple[Tensor, Tensor], index: int, options: dict[str, dict[str, Any]]) -> dict[str, Tensor]:
        """One step; what it logged, and the loss under the empty name."""
        module, optimizer = self.member.module, self.member.optimizer
        with captured_logs(module) as logged:
            loss = training_loss(module, batch, index)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        options.update(logged.options)
        return {"": loss.detach()} | {n: torch.as_tensor(v).detach().clone() for n, v in logged.values.items()}


def own_loss(member: Member, batch: tuple[Tensor, Tensor], work: Work) -> float:
    """The loss that the member's own `training_step` gives for a batch; nothing is updated but its buffers."""
    with torch.enable_grad(), drawing_from(work.rng), captured_logs(member.module):
        return training_loss(member.module, batch, work.first_batch).item()
