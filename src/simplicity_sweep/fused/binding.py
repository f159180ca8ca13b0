"""A program bound to the memory that it works on."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from simplicity_sweep.fused.member import Work
from simplicity_sweep.fused.program import Program


class Binding:
    """One program with its batch and its draws in place; a step is then three calls without an argument to prepare.

    Args:
        program: the step, traced for this batch.
        params, buffers, grads: stacked, in the program's order.
        batch: inputs `[K, B, ...]` and labels `[K, B]`.
    """

    def __init__(
        self,
        program: Program,
        params: Sequence[Tensor],
        buffers: Sequence[Tensor],
        grads: Sequence[Tensor],
        batch: tuple[Tensor, Tensor],
    ) -> None:
        self.program, self.batch = program, batch
        members, like = len(batch[0]), params[0]
        self._draws = [
            torch.empty(members, *draw.shape, dtype=draw.dtype, device=like.device) for draw in program.draws
        ]
        self._rewritten = [buffers[i] for i in program.rewritten]
        self._flat = tuple(t.view(-1, *t.shape[2:]) for t in batch)
        self._fixed = program.setup(*params, *buffers, *batch, *self._draws, *grads)

    def load(self, data: Sequence[tuple[Tensor, Tensor]], rows: Tensor) -> None:
        """Fetches a batch: `rows` holds every member's examples, one member after the other, `[K * B]`.

        Args:
            data: inputs and labels, one pair that all members share, or a pair a member.
            rows: indices into the pair or pairs.
        """
        if len(data) == 1:
            for source, target in zip(data[0], self._flat, strict=True):
                torch.index_select(source, 0, rows, out=target)
            return
        for member, (pair, own) in enumerate(zip(data, rows.view(len(data), -1), strict=True)):
            for source, target in zip(pair, self.batch, strict=True):
                torch.index_select(source, 0, own, out=target[member])

    def draw(self, generators: Sequence[torch.Generator]) -> None:
        """Draws the step's random numbers, each member's from its own generator."""
        for draw, numbers in zip(self.program.draws, self._draws, strict=True):
            draw.fill(numbers, generators)

    def compute(self) -> tuple[Tensor, ...]:
        """Writes the gradients and the buffers; returns the logged values, `[K]` each, and last the losses, `[K]`."""
        results = self.program.body(*self._fixed)
        for buffer, value in zip(self._rewritten, results, strict=False):
            buffer.copy_(value)
        return results[len(self._rewritten) :]


def shared_data(works: Sequence[Work]) -> list[tuple[Tensor, Tensor]]:
    """Inputs and labels: one pair if all works use the same tensors, or else a pair a work."""
    first = works[0]
    if all(w.inputs is first.inputs and w.labels is first.labels for w in works):
        works = works[:1]
    return [(w.inputs, w.labels) for w in works]
