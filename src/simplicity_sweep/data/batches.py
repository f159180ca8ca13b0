"""Batches of a split, gathered where its tensors lie: no workers, no copies between devices, no collating."""

import math
from collections.abc import Iterator
from typing import Any

from torch import Tensor

from simplicity_sweep.data.errors import DataError, check_whole_number
from simplicity_sweep.data.permutation import permutation
from simplicity_sweep.data.split import Split

_ORDER_STREAM = 0
EVALUATION_BATCH_SIZE = 2500
"""Examples a batch where nothing is learned: large, for speed; 2500 images of 784 numbers take 8 MB."""


def order(seed: int, epoch: int, n: int) -> Tensor:
    """The order in which one epoch visits n examples: a permutation of 0 … n - 1, int64 `[n]` on the CPU.

    It depends on its three arguments alone (see `permutation`), so that a run that is resumed, trained beside
    others or trained elsewhere meets the same batches.

    Raises:
        DataError: an argument is no whole number, or below 0.

    Example:
        >>> sorted(order(seed=3, epoch=0, n=5).tolist())
        [0, 1, 2, 3, 4]
    """
    check_whole_number("seed", seed, least=0)
    check_whole_number("epoch", epoch, least=0)
    check_whole_number("n", n, least=0)
    return permutation(n, seed, (_ORDER_STREAM, epoch))


class FixedBatches:
    """Batches in the split's own order, for validation and test: `len` is ceil(n / batch_size).

    Every batch is a copy, so that a measurement may change it without harm to the split.

    Args:
        split: What to go through.
        batch_size: Examples a batch; the last batch holds what is left.

    Raises:
        DataError: `batch_size` is below 1, or the split is empty.

    Example:
        >>> import torch
        >>> split = Split(torch.zeros(5, 2), torch.zeros(5, dtype=torch.int64))
        >>> [len(labels) for _, labels in FixedBatches(split, batch_size=2)]
        [2, 2, 1]
    """

    def __init__(self, split: Split, batch_size: int = EVALUATION_BATCH_SIZE) -> None:
        _check(split, batch_size)
        self.split = split
        self.batch_size = batch_size

    def __len__(self) -> int:
        return math.ceil(len(self.split) / self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for first in range(0, len(self.split), self.batch_size):
            part = slice(first, first + self.batch_size)
            yield self.split.inputs[part].clone(), self.split.labels[part].clone()


class Batches:
    """The training batches of the current epoch, in `order(seed, epoch, n)`: `len` is ceil(n / batch_size).

    Lightning tells `loader.sampler` which epoch begins, in an ordinary run as in a resumed one; the loader
    is its own sampler. It also saves and restores the place within the epoch (`state_dict`), so that a run
    resumed from a checkpoint inside an epoch goes on with the next batch.

    Args:
        split: What to go through.
        batch_size: Examples a batch. The last, short batch is kept; above n there is one batch of n.
        seed: Of the order; from 0.

    Attributes:
        epoch: The epoch whose batches come next, from 0.

    Raises:
        DataError: `batch_size` is below 1, `seed` below 0, or the split is empty.

    Example:
        >>> import torch
        >>> split = Split(torch.zeros(5, 2), torch.zeros(5, dtype=torch.int64))
        >>> batches = Batches(split, batch_size=2, seed=0)
        >>> [len(labels) for _, labels in batches]
        [2, 2, 1]
    """

    def __init__(self, split: Split, batch_size: int, seed: int) -> None:
        _check(split, batch_size)
        check_whole_number("seed", seed, least=0)
        self.split = split
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0
        self._drawn = 0  # batches of this epoch that were handed out
        self._resume_at = 0  # where the next pass begins, once

    @property
    def sampler(self) -> "Batches":
        """The loader itself: Lightning calls `loader.sampler.set_epoch`."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Let the next pass be that of `epoch`, counted from 0."""
        check_whole_number("epoch", epoch, least=0)
        if epoch != self.epoch:
            self._drawn = self._resume_at = 0  # a place in another epoch says nothing about this one
        self.epoch = epoch

    def order(self) -> Tensor:
        """The order of the current epoch, int64 `[n]` on the CPU, for those who gather batches themselves."""
        return order(self.seed, self.epoch, len(self.split))

    def state_dict(self) -> dict[str, int]:
        """The epoch, and how many of its batches were handed out (0 once all were)."""
        return {"epoch": self.epoch, "batch": self._drawn % len(self)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Let the next pass begin where `state_dict` was taken, unless `set_epoch` names another epoch."""
        self.epoch = state["epoch"]
        self._drawn = self._resume_at = state["batch"]

    def __len__(self) -> int:
        return math.ceil(len(self.split) / self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        # A generator runs no line before its first batch: Lightning asks for it before it sets the epoch.
        first, self._resume_at = self._resume_at, 0
        positions = self.order().to(self.split.device)
        for number in range(first, len(self)):
            indices = positions[number * self.batch_size : (number + 1) * self.batch_size]
            self._drawn = number + 1
            yield self.split.inputs[indices], self.split.labels[indices]


def _check(split: Split, batch_size: int) -> None:
    check_whole_number("batch_size", batch_size, least=1)
    if len(split) == 0:
        raise DataError("Expected argument `split` to hold at least one example, but it is empty.")
