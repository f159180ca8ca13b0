"""The members that one worker steps together."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from simplicity_sweep.fused.alone import own_loss
from simplicity_sweep.fused.binding import Binding, bind
from simplicity_sweep.fused.feed import Feed
from simplicity_sweep.fused.member import Member, StepLog, Work
from simplicity_sweep.fused.network import NetworkStack
from simplicity_sweep.fused.optimizers import stacked_optimizer
from simplicity_sweep.fused.signature import structure


class Block:
    """Members with equal signatures, their parameters, buffers and optimiser states in stacks.

    The modules and optimisers hold views of the stacks: whatever a step changes, they have.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = members
        self._networks = NetworkStack([member.module for member in members])
        self._optimizer = stacked_optimizer([member.optimizer for member in members], self._networks)
        self._bindings: dict[int, list[Binding]] = {}

    def prepare(self, works: Sequence[Work]) -> None:
        """Traces the step for every batch size in `works`, where that has not been done.

        Raises:
            Exception: whatever tracing raises; the members cannot be stacked then.
        """
        self._networks.adopt()
        for size, _ in _batches(works):
            if size not in self._bindings:
                self._bindings[size] = bind(self._networks, structure(self.members[0]), works[0], size)

    @torch.no_grad()
    def check(self, works: Sequence[Work]) -> list[str | None]:
        """For each member, why the program does not compute its loss, or None: the first batch's, by both ways.

        Neither parameters nor buffers nor generators are changed.
        """
        self.prepare(works)
        size, orders = _batches(works)[0]
        with self._unchanged(works):
            results = [feed.compute(0) for feed in self._feeds(size, works, orders[:, :size])]
            stacked = torch.cat([result[-1].reshape(-1) for result in results]).tolist()
        with self._unchanged(works):
            batches = [batch for binding in self._bindings[size] for batch in binding.batches]
            own = [own_loss(m, b, w) for m, b, w in zip(self.members, batches, works, strict=True)]
        exact = self._networks.params.rows.dtype == torch.float64
        return [_difference(a, b, 1e-9 if exact else 1e-3) for a, b in zip(stacked, own, strict=True)]

    @torch.no_grad()
    def run(self, works: Sequence[Work], stop: threading.Event) -> list[StepLog]:
        """Makes the steps, until they are done, one fails or `stop` is set between two of them."""
        results: list[list[tuple[Tensor, ...]]] = []
        error = None
        self.prepare(works)
        self._optimizer.begin()
        try:
            for size, orders in _batches(works):
                feeds = self._feeds(size, works, orders)
                for step in range(orders.shape[1] // size):
                    if stop.is_set():
                        break
                    result = [feed.compute(step) for feed in feeds]
                    self._optimizer.step()
                    results.append(result)
        except Exception as raised:
            error = raised
        finally:
            self._optimizer.end(len(results))
        return self._logs(works, results, error)

    def _feeds(self, size: int, works: Sequence[Work], orders: Tensor) -> list[Feed]:
        bindings = self._bindings[size]
        if len(bindings) == 1:
            return [Feed(bindings[0], works, orders)]
        return [Feed(b, [work], order) for b, work, order in zip(bindings, works, orders.split(1), strict=True)]

    @contextmanager
    def _unchanged(self, works: Sequence[Work]) -> Iterator[None]:
        """Gives buffers and generators back, after the block, what they had before."""
        buffers = self._networks.buffer_values()
        states = [(work.rng, work.rng.get_state()) for work in works if work.rng is not None]
        try:
            yield
        finally:
            self._networks.restore_buffers(buffers)
            for rng, state in states:
                rng.set_state(state)

    def _logs(
        self, works: Sequence[Work], results: list[list[tuple[Tensor, ...]]], error: Exception | None
    ) -> list[StepLog]:
        if not results:
            return [StepLog(torch.zeros(0), error=error) for _ in works]
        program = next(iter(self._bindings.values()))[0].program
        steps, sizes = len(results), works[0].sizes()
        by_part = [zip(*part, strict=True) for part in zip(*results, strict=True)]
        columns = [
            torch.cat([torch.stack(values).view(steps, -1) for values in column], dim=1)
            for column in zip(*by_part, strict=True)
        ]
        return [
            StepLog(
                losses=columns[-1][:, k],
                values={n: columns[v][:, k] if isinstance(v, int) else torch.full((steps,), v) for n, v in program.logs.items()},
                options=program.options,
                sizes=sizes[:steps],
                error=error,
            )
            for k in range(len(works))
        ]


def _batches(works: Sequence[Work]) -> list[tuple[int, Tensor]]:
    """Batch sizes, each with the orders of its steps, `[K, steps * size]`: full batches, then the shorter last one."""
    orders = torch.stack([work.order for work in works])
    size, length = works[0].batch_size, orders.shape[1]
    short = length % size
    parts = [(size, orders[:, : length - short]), (short, orders[:, length - short :])]
    return [(size, part) for size, part in parts if part.shape[1]]


def _difference(stacked: float, own: float, tolerance: float) -> str | None:
    same = stacked == own or abs(stacked - own) <= tolerance * max(abs(own), 1.0) or (stacked != stacked and own != own)
    return None if same else f"the stacked program gives a loss of {stacked:.6g}, its own training_step {own:.6g}"
