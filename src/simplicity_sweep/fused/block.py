"""The members that one worker steps together."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import torch
from torch import Tensor

from simplicity_sweep.fused.alone import own_loss
from simplicity_sweep.fused.binding import Binding, shared_data
from simplicity_sweep.fused.member import Member, StepLog, Work
from simplicity_sweep.fused.optimizers import stacked_optimizer
from simplicity_sweep.fused.program import Program, ProgramCache
from simplicity_sweep.fused.signature import structure
from simplicity_sweep.fused.stack import Stack
from simplicity_sweep.fused.trace import trace

_PROGRAMS = ProgramCache(64)


class Block:
    """Members with equal signatures, their parameters, buffers and optimiser states in stacks.

    The modules and optimisers hold views of the stacks: whatever a step changes, they have.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = members
        modules = [member.module for member in members]
        self._params = [list(module.parameters()) for module in modules]
        self._buffers = [list(module.buffers()) for module in modules]
        shapes, first = [p.shape for p in self._params[0]], self._params[0][0]
        self._param_stack = Stack(shapes, len(members), first)
        self._grad_stack = Stack(shapes, len(members), first)
        self._buffer_stacks = [Stack([b.shape], len(members), b) for b in self._buffers[0]]
        self._optimizer = stacked_optimizer(
            [member.optimizer for member in members], self._params, self._param_stack, self._grad_stack
        )
        self._bindings: dict[int, Binding] = {}

    def program(self, work: Work) -> Program:
        """The program for the first batch of `work`, traced if there is none yet."""
        self._adopt()
        return self._binding(work, min(work.batch_size, len(work.order))).program

    @torch.no_grad()
    def check(self, works: Sequence[Work]) -> list[str | None]:
        """For each member, why the program does not compute its loss, or None: the first batch's, by both ways.

        Neither parameters nor buffers nor generators are changed.
        """
        self._adopt()
        size = min(works[0].batch_size, len(works[0].order))
        binding = self._binding(works[0], size)
        binding.load(shared_data(works), torch.cat([work.order[:size] for work in works]))
        buffers = [stack.rows.clone() for stack in self._buffer_stacks]
        states = [work.rng.get_state() if work.rng else None for work in works]
        stacked: list[float] = []
        own: list[float] = []
        for losses in (stacked, own):
            if losses is stacked:
                binding.draw(_generators(works, binding.program))
                losses += binding.compute()[-1].tolist()
            else:
                batches = zip(*binding.batch, strict=True)
                losses += [own_loss(m, b, w) for m, b, w in zip(self.members, batches, works, strict=True)]
            for stack, before in zip(self._buffer_stacks, buffers, strict=True):
                stack.rows.copy_(before)
            for work, state in zip(works, states, strict=True):
                if work.rng is not None and state is not None:
                    work.rng.set_state(state)
        dtype = self._param_stack.rows.dtype
        return [_difference(a, b, dtype) for a, b in zip(stacked, own, strict=True)]

    @torch.no_grad()
    def run(self, works: Sequence[Work], stop: threading.Event) -> list[StepLog]:
        """Makes the steps, until they are done or `stop` is set between two of them."""
        self._adopt()
        self._optimizer.begin()
        results: list[tuple[Tensor, ...]] = []
        error = None
        try:
            for size, rows in _batches(works):
                binding = self._binding(works[0], size)
                self._run_rows(binding, works, rows, stop, results)
        except Exception as raised:
            error = raised
        finally:
            self._optimizer.end(len(results))
        return self._logs(works, results, error)

    def _run_rows(
        self,
        binding: Binding,
        works: Sequence[Work],
        rows: Sequence[Tensor],
        stop: threading.Event,
        results: list[tuple[Tensor, ...]],
    ) -> None:
        data, generators = shared_data(works), _generators(works, binding.program)
        load, draw, compute, update = binding.load, binding.draw, binding.compute, self._optimizer.step
        for row in rows:
            if stop.is_set():
                return
            load(data, row)
            if generators:
                draw(generators)
            result = compute()
            update()
            results.append(result)

    def _logs(
        self, works: Sequence[Work], results: list[tuple[Tensor, ...]], error: Exception | None
    ) -> list[StepLog]:
        if not results:
            return [StepLog(torch.zeros(0), error=error) for _ in works]
        program = next(iter(self._bindings.values())).program
        columns = [torch.stack(column, dim=1) for column in zip(*results, strict=True)]
        steps, sizes = len(results), works[0].sizes()
        logs = []
        for k in range(len(works)):
            values = {
                name: columns[at][k] if isinstance(at, int) else torch.full((steps,), at)
                for name, at in program.logs.items()
            }
            logs.append(StepLog(columns[-1][k], values, program.options, sizes[:steps], error=error))
        return logs

    def _adopt(self) -> None:
        """Makes every parameter and buffer a view of the stacks, with the content that its owner gave it."""
        for k, (params, buffers) in enumerate(zip(self._params, self._buffers, strict=True)):
            for i, param in enumerate(params):
                param.data = self._param_stack.adopt(k, i, param.data)
            for stack, buffer in zip(self._buffer_stacks, buffers, strict=True):
                buffer.data = stack.adopt(k, 0, buffer.data)

    def _binding(self, work: Work, size: int) -> Binding:
        if size not in self._bindings:
            members, module = len(self.members), self.members[0].module
            batch = (
                work.inputs.new_zeros(members, size, *work.inputs.shape[1:]),
                work.labels.new_zeros(members, size, *work.labels.shape[1:]),
            )
            params = self._param_stack.stacked
            buffers = [stack.stacked[0] for stack in self._buffer_stacks]
            plain = not work.labels.is_floating_point() and bool((work.labels >= 0).all())
            shapes = [(t.shape, t.dtype, str(t.device)) for t in batch]
            program = _PROGRAMS.get(
                (structure(self.members[0]), *shapes, plain),
                lambda: trace(
                    module,
                    dict(zip((n for n, _ in module.named_parameters()), params, strict=True)),
                    dict(zip((n for n, _ in module.named_buffers()), buffers, strict=True)),
                    batch,
                    plain,
                ),
            )
            self._bindings[size] = Binding(program, params, buffers, self._grad_stack.stacked, batch)
        return self._bindings[size]


def _batches(works: Sequence[Work]) -> list[tuple[int, Sequence[Tensor]]]:
    """Batch sizes, each with the rows of its steps: the full batches, then the shorter last one, if there is one."""
    size, length = works[0].batch_size, len(works[0].order)
    full = length // size
    orders = torch.stack([work.order for work in works])
    parts = [
        (
            size,
            orders[:, : full * size].view(len(works), full, size).transpose(0, 1).reshape(full, -1).unbind(),
        )
    ]
    if length % size:
        parts.append((length % size, (orders[:, full * size :].reshape(-1),)))
    return [part for part in parts if part[1]]


def _generators(works: Sequence[Work], program: Program) -> list[torch.Generator]:
    """Every member's generator; none where the step draws nothing."""
    if not program.draws:
        return []
    generators = [work.rng for work in works if work.rng is not None]
    if len(generators) < len(works):
        raise ValueError(
            "Expected every Work to have a generator in `rng`, but got None: the training step draws random numbers, "
            "for dropout, say. Give it one at the state that the member's own generator has."
        )
    return generators


def _difference(stacked: float, own: float, dtype: torch.dtype) -> str | None:
    tolerance = max(abs(own), 1.0) * (1e-9 if dtype == torch.float64 else 1e-3)
    same = stacked == own or abs(stacked - own) <= tolerance or (stacked != stacked and own != own)
    return (
        None
        if same
        else f"the stacked program gives a loss of {stacked:.6g}, its own training_step {own:.6g}"
    )
