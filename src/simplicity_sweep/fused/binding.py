"""A program bound to the memory that it works on."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import torch
from torch import Tensor

from simplicity_sweep.fused.member import NotFusable, Work
from simplicity_sweep.fused.network import NetworkStack
from simplicity_sweep.fused.program import Program
from simplicity_sweep.fused.recent import Recent
from simplicity_sweep.fused.signature import shape
from simplicity_sweep.fused.trace import trace

_PROGRAMS: Recent[Program] = Recent(64)
# By step and batch, whether networks are stepped one by one: found with the first ones, and how many there are decides
# nothing. A second trace that would be thrown away takes as long as the one that is used.
_ONE_BY_ONE: Recent[bool] = Recent(256)


class Binding:
    """One program with its batch and its draws in place; a step is then three calls without an argument to prepare.

    Args:
        program: the step, traced for this batch.
        params, buffers, grads: in the program's order.
        batch: inputs and labels, `[K, B, ...]` and `[K, B]` for a stacked program, or else `[B, ...]` and `[B]`.
        stacked: whether the program is for stacked members.
    """

    def __init__(
        self,
        program: Program,
        params: Sequence[Tensor],
        buffers: Sequence[Tensor],
        grads: Sequence[Tensor],
        batch: tuple[Tensor, Tensor],
        stacked: bool,
    ) -> None:
        self.program = program
        draws = [torch.empty(draw.shape, dtype=draw.dtype, device=batch[0].device) for draw in program.draws]
        self._fixed = program.setup(*params, *buffers, *batch, *draws, *grads)
        self._rewritten = [buffers[i] for i in program.rewritten]
        self._flat = tuple(t.view(-1, *t.shape[2:]) if stacked else t for t in batch)
        self.batches = list(zip(*batch, strict=True)) if stacked else [batch]
        self._draws = list(zip(*draws, strict=True)) if stacked else [tuple(draws)]

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
        for pair, own, batch in zip(data, rows.view(len(data), -1), self.batches, strict=True):
            for source, target in zip(pair, batch, strict=True):
                torch.index_select(source, 0, own, out=target)

    def draw(self, generators: Sequence[torch.Generator]) -> None:
        """Draws the step's random numbers, each member's from its own generator."""
        for numbers, generator in zip(self._draws, generators, strict=True):
            for draw, part in zip(self.program.draws, numbers, strict=True):
                draw.fill(part, generator)

    def compute(self) -> tuple[Tensor, ...]:
        """Writes the gradients and the buffers; returns the logged values and last the loss, each `[K]` or a scalar."""
        results = self.program.body(*self._fixed)
        for buffer, value in zip(self._rewritten, results, strict=False):
            buffer.copy_(value)
        return results[len(self._rewritten) :]


def bind(networks: NetworkStack, key: Hashable, works: Sequence[Work], size: int) -> list[Binding]:
    """What steps the networks on batches of `size`: one binding for all, or one for each.

    One for each where stacking would change bits on a CPU, and where vmap lacks a rule for an operation: a network
    is then stepped by the very operations of its own step, still without autograd.

    Args:
        networks: of one structure.
        key: equal for networks of one structure only.
        works: one a network; they give the shape of the data.
        size: examples in a batch.

    Raises:
        NotFusable: if the step uses what a program cannot hold.
        Exception: whatever tracing raises.
    """
    step = (key, size, shape(works[0]), _all_name_classes(works))
    if step not in _ONE_BY_ONE:
        try:
            binding = _bind(networks, key, works, size, None)
            if binding.program.invariant or works[0].where.type != "cpu":
                return [binding]
        except NotFusable:
            raise
        except Exception:  # what stops vmap need not stop the step itself, whose own trace raises if it does
            pass
        _ONE_BY_ONE.get(step, lambda: True)
    return [_bind(networks, key, works, size, k) for k in range(len(networks))]


def _bind(networks: NetworkStack, key: Hashable, works: Sequence[Work], size: int, member: int | None) -> Binding:
    """The binding of all networks, or of one of them."""
    stacked = member is None
    lead = (len(networks), size) if stacked else (size,)
    work = works[0]
    batch = (
        work.inputs.new_zeros(*lead, *work.inputs.shape[1:], device=work.where),
        work.labels.new_zeros(*lead, *work.labels.shape[1:], device=work.where),
    )
    params, buffers = networks.named(member)
    plain = stacked and _all_name_classes(works)
    shapes = tuple((t.shape, t.dtype, str(t.device)) for t in batch)
    program = _PROGRAMS.get(
        (key, stacked, plain, shapes),
        lambda: trace(networks.module, params, buffers, batch, stacked=stacked, plain_labels=plain),
    )
    state = list(params.values()), list(buffers.values()), networks.gradients(member)
    return Binding(program, *state, batch, stacked)


def _all_name_classes(works: Sequence[Work]) -> bool:
    """Whether every label is the number of a class; a negative one may ask to be ignored."""
    labels = {id(work.labels): work.labels for work in works}.values()
    return all(not part.is_floating_point() and bool((part >= 0).all()) for part in labels)
