"""What a block's members are before a round of steps, in case that the round must be taken back."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from simplicity_sweep.fused.member import Member, Work


class Snapshot:
    """A copy of what steps change. It has memory of its own, which is written anew at every round."""

    def __init__(self) -> None:
        self._copies: list[Tensor] = []
        self._memory: Sequence[Tensor] = []
        self._generators: list[tuple[torch.Generator, Tensor]] = []
        self._fresh: list[torch.optim.Optimizer] = []

    def begin(self, members: Sequence[Member], works: Sequence[Work]) -> None:
        """Before the optimisers are touched and the generators drawn from."""
        self._fresh = [member.optimizer for member in members if not member.optimizer.state]
        self._generators = [(work.rng, work.rng.get_state()) for work in works if work.rng is not None]

    def keep(self, memory: Sequence[Tensor]) -> None:
        """Copies the memory that parameters, buffers and the optimisers' state lie in, always the same."""
        self._copies = self._copies or [torch.empty_like(tensor) for tensor in memory]
        self._memory = memory
        for copy, tensor in zip(self._copies, memory, strict=True):
            copy.copy_(tensor)

    def put_back(self) -> None:
        """Leaves everything as it was; the optimisers must not have counted the steps."""
        for copy, tensor in zip(self._copies, self._memory, strict=True):
            tensor.copy_(copy)
        for rng, state in self._generators:
            rng.set_state(state)
        for optimizer in self._fresh:
            optimizer.state.clear()
