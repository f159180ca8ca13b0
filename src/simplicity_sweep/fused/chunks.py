"""A training loader whose batches are handed out one by one, or many at a time once their steps are done."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from simplicity_sweep.data import Batches
from simplicity_sweep.fused.member import StepLog, Work


class Chunk:
    """Successive training batches whose steps have been done.

    Args:
        log: what the steps reported.
    """

    def __init__(self, log: StepLog) -> None:
        self.log = log


class Chunks:
    """The batches of an epoch: chunks whose steps `take` has done, or the batches themselves.

    Lightning asks for its length, its sampler and the place within the epoch as it asks an ordinary loader.

    Args:
        batches: what is handed out where `take` declines.
        size: batches a chunk.
        take: does the steps of a chunk; None to decline, which leaves the rest of the epoch to Lightning.
        decline: is told why where `take` isn't asked.
        device: that of the network.
    """

    def __init__(
        self,
        batches: Batches,
        size: int,
        take: Callable[[Work], StepLog | None],
        decline: Callable[[str], None],
        device: torch.device,
    ) -> None:
        self._device = device
        self.batches = batches
        self._size = size
        self._take = take
        self._decline = decline
        self._goes_on_at: dict[str, Any] = {}

    @property
    def sampler(self) -> Batches:
        """Who is told which epoch begins."""
        return self.batches

    def __len__(self) -> int:
        return len(self.batches)

    def state_dict(self) -> dict[str, int]:
        """The batches' own."""
        return self.batches.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """A run that goes on within an epoch ends that epoch batch by batch."""
        self.batches.load_state_dict(state)
        self._goes_on_at = dict(state)

    def __iter__(self) -> Iterator[Chunk | tuple[Tensor, Tensor]]:
        resumed, self._goes_on_at = self._goes_on_at, {}
        if resumed.get("batch") and resumed["epoch"] == self.batches.epoch:
            self._decline("the epoch was begun before")
            yield from self.batches
            return
        for start in range(0, len(self.batches), self._size):
            log = self._take(self._work(start))
            if log is None:
                yield from itertools.islice(self.batches, start, None)
                return
            yield Chunk(log)

    def _work(self, start: int) -> Work:
        """The steps from batch `start` on. What dropout draws is what the global generator would draw now."""
        split, size = self.batches.split, self.batches.batch_size
        order = self.batches.order()[start * size : (start + self._size) * size]
        rng = _global_generator(self._device)
        return Work(split.inputs, split.labels, order, size, first_batch=start, rng=rng, device=self._device)


def _global_generator(device: torch.device) -> torch.Generator:
    state = torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()
    generator = torch.Generator(device)
    generator.set_state(state)
    return generator


def advance_global_generator(generator: torch.Generator) -> None:
    """Gives the global generator of the same device the state that `generator` has come to."""
    if generator.device.type == "cuda":
        torch.cuda.set_rng_state(generator.get_state(), generator.device)
    else:
        torch.set_rng_state(generator.get_state())
