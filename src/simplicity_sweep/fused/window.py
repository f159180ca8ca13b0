"""Room on the networks' device for the examples of a few steps, of data that lie elsewhere."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from simplicity_sweep.fused.member import Work

_BYTES = 1 << 28
_STEPS = 10  # as many as a GPU replays at once; a window holds a multiple of them if it can


class Window:
    """Fetches examples ahead, those of several steps at a time, into memory that stays where it is."""

    def __init__(self) -> None:
        self._memory: dict[int, tuple[Tensor, Tensor]] = {}

    def passes(self, works: Sequence[Work], orders: Tensor, size: int) -> Iterator[tuple[Sequence[Work], Tensor]]:
        """The works and orders, as they are if the data lie with the networks; else those of a few steps at a time, in
        terms of the examples that have been fetched for them.

        Members with equal orders of the same data share their examples: each is read once.

        Args:
            works: one a member.
            orders: `[K, S * size]`, each member's examples.
            size: examples in a batch.
        """
        if not lies_elsewhere(works[0]):
            yield works, orders.to(works[0].where)
            return
        example = works[0].inputs[0].nbytes + works[0].labels[0].nbytes
        steps = max(1, _BYTES // (len(works) * size * example))
        if steps >= _STEPS:
            steps -= steps % _STEPS
        for part in torch.split(orders, steps * size, dim=1):
            yield self._fetched(works, part)

    def _fetched(self, works: Sequence[Work], orders: Tensor) -> tuple[Sequence[Work], Tensor]:
        slots: dict[Hashable, int] = {}
        firsts: list[tuple[Work, Tensor]] = []
        of_member = []
        for work, order in zip(works, orders, strict=True):
            key = (id(work.inputs), id(work.labels), order.numpy().tobytes())
            if key not in slots:
                slots[key] = len(slots)
                firsts.append((work, order))
            of_member.append(slots[key])
        length = orders.shape[1]
        inputs, labels = self._room(works[0], len(firsts) * length)
        for slot, (work, order) in enumerate(firsts):
            place = slice(slot * length, (slot + 1) * length)
            inputs[place].copy_(work.inputs.index_select(0, order))
            labels[place].copy_(work.labels.index_select(0, order))
        starts = torch.tensor(of_member, device=inputs.device)[:, None] * length
        rows = starts + torch.arange(length, device=inputs.device)
        fetched = zip(works, rows.unbind(), strict=True)
        return [replace(work, inputs=inputs, labels=labels, order=row) for work, row in fetched], rows

    def _room(self, work: Work, rows: int) -> tuple[Tensor, Tensor]:
        """The same memory for equally many examples: a graph that was captured reads from there."""
        if rows not in self._memory:
            self._memory[rows] = (
                work.inputs.new_empty(rows, *work.inputs.shape[1:], device=work.where),
                work.labels.new_empty(rows, *work.labels.shape[1:], device=work.where),
            )
        return self._memory[rows]


def lies_elsewhere(work: Work) -> bool:
    """Whether the data of a work lie on another device than its network."""
    return work.inputs.device != work.where
