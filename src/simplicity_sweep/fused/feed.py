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
        orders: `[K, steps * B]`, each member's examples.
    """

    def __init__(self, binding: Binding, works: Sequence[Work], orders: Tensor) -> None:
        self._binding = binding
        shared = all(w.inputs is works[0].inputs and w.labels is works[0].labels for w in works)
        self._data = [(w.inputs, w.labels) for w in (works[:1] if shared else works)]
        steps = orders.shape[1] // len(binding.batches[0][1])
        self._rows = orders.view(len(works), steps, -1).transpose(0, 1).reshape(steps, -1).unbind()
        self._generators = _generators(works) if binding.program.draws else []

    def compute(self, step: int) -> tuple[Tensor, ...]:
        """Writes gradients and buffers of one step; returns the logged values and last the loss, `[K]` or scalars."""
        self._binding.load(self._data, self._rows[step])
        if self._generators:
            self._binding.draw(self._generators)
        return self._binding.compute()


def _generators(works: Sequence[Work]) -> list[torch.Generator]:
    generators = [work.rng for work in works if work.rng is not None]
    if len(generators) < len(works):
        raise ValueError(
            "Expected every Work to have a generator in `rng`, but got None: the training step draws random numbers, "
            "for dropout, say. Give it one at the state that the member's own generator has."
        )
    return generators
