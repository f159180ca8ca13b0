"""Steps that need nothing from the host: orders, counters, random numbers and logs stay on the device."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import torch
from torch import Tensor

from simplicity_sweep.fused.binding import Binding
from simplicity_sweep.fused.columns import AdamColumns, SGDColumns
from simplicity_sweep.fused.network import NetworkStack

# Launching a graph costs about as much as a step's work on a small network; ten steps a launch make that cost small.
_STEPS_A_GRAPH = 10
_WARM_UP = 3


class Resident:
    """The steps of a stacked binding, on a GPU captured once as a graph and replayed.

    Args:
        binding: of all networks.
        networks, optimizer: what the steps change.
        data: as `Binding.load` takes it.
        rows: `[S, K * B]`, the shape of the orders that `run` will be given.
    """

    def __init__(
        self,
        binding: Binding,
        networks: NetworkStack,
        optimizer: AdamColumns | SGDColumns,
        data: Sequence[tuple[Tensor, Tensor]],
        rows: Tensor,
    ) -> None:
        self._binding, self._networks, self._optimizer, self._data = binding, networks, optimizer, data
        self._rows = torch.zeros_like(rows)
        self._at = torch.zeros(1, dtype=torch.int64, device=rows.device)
        draws = len(networks) if binding.program.draws else 0
        self._generators = [torch.Generator(rows.device) for _ in range(draws)]
        self._logs: list[Tensor] = []
        self._graph: torch.cuda.CUDAGraph | None = None

    def run(
        self, rows: Tensor, generators: Sequence[torch.Generator], stop: threading.Event
    ) -> tuple[list[Tensor], int]:
        """The logged values and last the losses, each `[S, K]`, and how many of the steps were made.

        Args:
            rows: `[S, K * B]`, each step's examples, one member's after the other's.
            generators: one a member, which advance as the steps draw; none where they draw nothing.
            stop: ends the steps early.
        """
        self._rows.copy_(rows)
        self._at.zero_()
        self._borrow(generators)
        made = 0
        with torch.cuda.device_of(rows):  # type: ignore[no-untyped-call]
            if rows.is_cuda and self._graph is None and len(rows) >= _STEPS_A_GRAPH:
                self._graph = self._capture()
                self._borrow(generators)
            while made < len(rows) and not stop.is_set():
                made += self._advance(len(rows) - made)
        for own, lender in zip(self._generators, generators, strict=False):
            lender.set_state(own.get_state())
        return [log[:made].clone() for log in self._logs], made

    def _borrow(self, generators: Sequence[torch.Generator]) -> None:
        for own, lender in zip(self._generators, generators, strict=False):
            own.set_state(lender.get_state())

    def _advance(self, left: int) -> int:
        if self._graph is not None and left >= _STEPS_A_GRAPH:
            self._graph.replay()
            return _STEPS_A_GRAPH
        self._step()
        return 1

    def _step(self) -> None:
        """One step, told by the device's own counter which; nothing in it waits for the device."""
        self._binding.load(self._data, self._rows.index_select(0, self._at).flatten())
        if self._generators:
            self._binding.draw(self._generators)
        results = self._binding.compute()
        self._optimizer.step()
        if not self._logs:
            self._logs = [result.new_zeros(len(self._rows), *result.shape) for result in results]
        for log, result in zip(self._logs, results, strict=True):
            log.index_copy_(0, self._at, result.unsqueeze(0))
        self._at.add_(1)

    def _capture(self) -> torch.cuda.CUDAGraph:
        """A graph of `_STEPS_A_GRAPH` steps; what warming up has changed is put back."""
        memory = [self._at, *self._networks.memory(), *self._optimizer.memory()]
        before = [tensor.clone() for tensor in memory]
        current, side = torch.cuda.current_stream(), torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(current)
        with torch.cuda.stream(side):
            for _ in range(_WARM_UP):
                self._step()
        current.wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        for generator in self._generators:
            graph.register_generator_state(generator)
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            for _ in range(_STEPS_A_GRAPH):
                self._step()
        for tensor, value in zip(memory, before, strict=True):
            tensor.copy_(value)
        return graph
