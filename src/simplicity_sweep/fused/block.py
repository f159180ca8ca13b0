"""The members that one worker steps together."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from simplicity_sweep.fused.binding import Binding, bind
from simplicity_sweep.fused.columns import AdamColumns, SGDColumns, column_optimizer
from simplicity_sweep.fused.feed import Feed
from simplicity_sweep.fused.guard import problem
from simplicity_sweep.fused.member import Member, StepLog, Work
from simplicity_sweep.fused.network import NetworkStack
from simplicity_sweep.fused.optimizers import stacked_optimizer
from simplicity_sweep.fused.rehearsal import in_words
from simplicity_sweep.fused.resident import Resident
from simplicity_sweep.fused.snapshot import Snapshot
from simplicity_sweep.fused.verdict import program_key
from simplicity_sweep.fused.window import Window
from simplicity_sweep.memory import is_out_of_memory

# What steps logged, the losses last, each `[S, K]`, and how many steps they were.
_Part = tuple[list[Tensor], int]


class Block:
    """Members with equal signatures, their parameters, buffers and optimiser states in stacks.

    The modules and optimisers hold views of the stacks: whatever a step changes, they have.

    Args:
        members: one or more.
        resident: whether the steps run without the host; by default on a GPU.
    """

    def __init__(self, members: Sequence[Member], resident: bool | None = None) -> None:
        self.members = members
        self._networks = NetworkStack([member.module for member in members])
        on_cpu = self._networks.params.rows.device.type == "cpu"
        self._resident = not on_cpu if resident is None else resident
        optimizers = [member.optimizer for member in members]
        self._optimizer = (column_optimizer if self._resident else stacked_optimizer)(optimizers, self._networks)
        self._snapshot = Snapshot() if len(members) > 1 else None
        self._bindings: dict[int, list[Binding]] = {}
        self._residents: dict[tuple[Hashable, ...], Resident] = {}
        self._window = Window()

    def prepare(self, works: Sequence[Work]) -> None:
        """Takes over the members' present state, and traces the step for every new batch size in `works`.

        Raises:
            Exception: whatever tracing raises; the members cannot be stacked then.
        """
        self._networks.adopt()
        for size, _ in _batches(works):
            if size not in self._bindings:
                self._bindings[size] = bind(self._networks, program_key(self.members[0]), works, size)

    @torch.no_grad()
    def check(self, works: Sequence[Work]) -> list[str | None]:
        """For each member, why the program does not compute its loss, or None: by both ways, a batch of every size.

        `works` must have been prepared. Neither parameters nor buffers nor generators are changed.
        """
        found: list[str | None] = [None] * len(works)
        for size, orders in _batches(works):
            with self._unchanged(works):
                stacked, failure = self._first_losses(size, works, orders)
            with self._unchanged(works):
                batches = [batch for binding in self._bindings[size] for batch in binding.batches]
                problems = [problem(*each) for each in zip(self.members, batches, works, stacked, strict=True)]
            if failure is not None and not any(problems):
                problems = [in_words(failure)] * len(works)
            found = [old or new for old, new in zip(found, problems, strict=True)]
        return found

    def _first_losses(
        self, size: int, works: Sequence[Work], orders: Tensor
    ) -> tuple[Sequence[float | None], Exception | None]:
        """What the program gives each member for the first batch of `size`; None where it fails, and why."""
        feeds = next(self._feeds(size, works, orders[:, :size]))
        try:
            results = [feed.compute(0) for feed in feeds]
        except Exception as error:
            if is_out_of_memory(error):
                raise
            return [None] * len(works), error
        return torch.cat([result[-1].reshape(-1) for result in results]).tolist(), None

    @torch.no_grad()
    def run(self, works: Sequence[Work], stop: threading.Event) -> list[StepLog]:
        """Makes the steps, which must have been prepared, until they are done, one fails or `stop` is set.

        Where a step of several members fails, they are put back and go each by itself: only whose own step fails ends
        with the error. Where memory runs out they are put back, and all end with the error.
        """
        if self._snapshot is not None:
            self._snapshot.begin(self.members, works)
        logs = self._make_steps(works, stop)
        if self._snapshot is None or logs[0].error is None or is_out_of_memory(logs[0].error):
            return logs
        return [_by_itself(m, work, self._resident, stop) for m, work in zip(self.members, works, strict=True)]

    def _make_steps(self, works: Sequence[Work], stop: threading.Event) -> list[StepLog]:
        parts: list[_Part] = []
        error = None
        self._optimizer.begin()
        if self._snapshot is not None:
            self._snapshot.keep([*self._networks.memory(), *self._optimizer.memory()])
        try:
            for size, orders in _batches(works):
                for feeds in self._feeds(size, works, orders):
                    if stop.is_set():
                        break
                    if self._resident and len(feeds) == 1:
                        part = self._run_resident(feeds[0], stop)
                        parts += [part] if part[1] else []
                    else:
                        self._run_feeds(feeds, stop, parts)
        except Exception as raised:
            error = raised
        if error is not None and self._snapshot is not None:
            self._snapshot.put_back()
            return [StepLog(torch.zeros(0), error=error) for _ in works]
        self._optimizer.end(sum(steps for _, steps in parts))
        return self._logs(works, parts, error)

    def _run_feeds(self, feeds: Sequence[Feed], stop: threading.Event, parts: list[_Part]) -> None:
        """Makes the steps one by one, and adds what they logged, even if one fails."""
        results: list[list[tuple[Tensor, ...]]] = []
        try:
            for step in range(len(feeds[0].rows)):
                if stop.is_set():
                    break
                result = [feed.compute(step) for feed in feeds]
                self._optimizer.step()
                results.append(result)
        finally:
            if results:
                parts.append((_columns(results), len(results)))

    def _run_resident(self, feed: Feed, stop: threading.Event) -> _Part:
        key = (feed.rows.shape, *(tensor.data_ptr() for pair in feed.data for tensor in pair))
        if key not in self._residents:
            assert isinstance(self._optimizer, AdamColumns | SGDColumns)
            resident = Resident(feed.binding, self._networks, self._optimizer, feed.data, feed.rows)
            self._residents = {k: v for k, v in self._residents.items() if k[0] != key[0]} | {key: resident}
        return self._residents[key].run(feed.rows, feed.generators, stop)

    def _feeds(self, size: int, works: Sequence[Work], orders: Tensor) -> Iterator[list[Feed]]:
        """The feeds of all steps; of data that lie elsewhere, of a few steps at a time."""
        bindings = self._bindings[size]
        for here, places in self._window.passes(works, orders, size):
            if len(bindings) == 1:
                yield [Feed(bindings[0], here, places)]
            else:
                each = zip(bindings, here, torch.split(places, 1), strict=True)
                yield [Feed(binding, [work], order) for binding, work, order in each]

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

    def _logs(self, works: Sequence[Work], parts: Sequence[_Part], error: Exception | None) -> list[StepLog]:
        steps = sum(made for _, made in parts)
        if not steps:
            return [StepLog(torch.zeros(0), error=error) for _ in works]
        program = next(iter(self._bindings.values()))[0].program
        columns = [torch.cat(column) for column in zip(*(logged for logged, _ in parts), strict=True)]
        sizes = works[0].sizes()[:steps]
        logs = []
        for k in range(len(works)):
            values = {
                name: columns[value][:, k] if isinstance(value, int) else torch.full((steps,), value)
                for name, value in program.logs.items()
            }
            logs.append(StepLog(columns[-1][:, k], values, program.options, sizes, error=error))
        return logs


def _columns(results: Sequence[Sequence[tuple[Tensor, ...]]]) -> list[Tensor]:
    """The logged values and last the losses, each `[S, K]`, of steps whose members were computed in parts."""
    by_part = [[torch.stack(values) for values in zip(*part, strict=True)] for part in zip(*results, strict=True)]
    return [torch.cat([v.view(len(results), -1) for v in values], dim=1) for values in zip(*by_part, strict=True)]


def _batches(works: Sequence[Work]) -> list[tuple[int, Tensor]]:
    """Batch sizes, each with the orders of its steps, `[K, steps * size]`: full batches, then the shorter last one."""
    orders = torch.stack([work.order for work in works])
    size, length = works[0].batch_size, orders.shape[1]
    short = length % size
    parts = [(size, orders[:, : length - short]), (short, orders[:, length - short :])]
    return [(size, part) for size, part in parts if part.shape[1]]


def _by_itself(member: Member, work: Work, resident: bool, stop: threading.Event) -> StepLog:
    """The steps of one member, as a block of one."""
    block = Block([member], resident)
    block.prepare([work])
    return block.run([work], stop)[0]
