"""The batches of the members of one binding, in the order of their works."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from simplicity_sweep.fused.binding import Binding
from simplicity_sweep.fused.member import Work


class Feed:
    """The batches of one binding's members, in the order of their works.

    Args:
        binding: for these members.
        works: one a member.
        orders: `[K, S * B]`, each member's examples.

    Attributes:
        data: inputs and labels, one pair if all works use the same tensors, or else a pair a work.
        rows: `[S, K * B]`, each step's examples, one member's after the other's.
        generators: one a member; none where the step draws nothing.
    """

    def __init__(self, binding: Binding, works: Sequence[Work], orders: Tensor) -> None:
        self.binding = binding
        shared = all(w.inputs is works[0].inputs and w.labels is works[0].labels for w in works)
        self.data = [(w.inputs, w.labels) for w in (works[:1] if shared else works)]
        steps = orders.shape[1] // len(binding.batches[0][1])
        self.rows = orders.reshape(len(works), steps, -1).transpose(0, 1).reshape(steps, -1)
        self.generators = _generators(works) if binding.program.draws else []
        self._row = self.rows.unbind()

    def compute(self, step: int) -> tuple[Tensor, ...]:
        """Writes gradients and buffers of one step; returns the logged values and last the loss, `[K]` or scalars."""
        self.binding.load(self.data, self._row[step])
        if self.generators:
            self.binding.draw(self.generators)
        return self.binding.compute()


def _generators(works: Sequence[Work]) -> list[torch.Generator]:
    generators = [work.rng for work in works if work.rng is not None]
    if len(generators) < len(works):
        raise ValueError(
            "Expected every Work to have a generator in `rng`, but got None: the training step draws random numbers, "
            "for dropout, say. Give it one at the state that the member's own generator has."
        )
    return generators
