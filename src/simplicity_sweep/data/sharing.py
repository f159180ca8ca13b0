"""Loaded data that all data modules of one process share: a sweep may run hundreds of jobs in it."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from functools import cached_property

import torch

from simplicity_sweep.data.errors import DataError
from simplicity_sweep.data.split import Split


@dataclass(frozen=True, eq=False)
class Parts:
    """The parts of a data set, for training, choosing and final figures.

    Attributes:
        train, val, test: the parts.
        outputs: how many a network needs: one for each class, number or label.
        names: those of the classes, in the order of their labels; their numbers where nobody has named them.
        columns: names of the inputs of a table.
        notes: what was done to the data that a user should know, in sentences.
        batch_size: that of its own training loader, of data that come with one.
        known_fingerprint: the fingerprint, of data whose file says it: to compute it is to read all of them.
    """

    train: Split
    val: Split
    test: Split
    outputs: int
    names: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    batch_size: int | None = None
    known_fingerprint: str | None = None

    @property
    def nbytes(self) -> int:
        """Bytes of all inputs."""
        return sum(split.inputs.nbytes for split in self.by_name().values())

    def to(self, device: torch.device) -> "Parts":
        """The same on `device`."""
        return replace(self, train=self.train.to(device), val=self.val.to(device), test=self.test.to(device))

    def by_name(self) -> dict[str, Split]:
        """`train`, `val` and `test`."""
        return {"train": self.train, "val": self.val, "test": self.test}

    @cached_property
    def fingerprint(self) -> str:
        """12 hexadecimal digits that tell these tensors from others: the first 48 bits of SHA-256 of each part's
        inputs and labels, their types and shapes."""
        if self.known_fingerprint is not None:
            return self.known_fingerprint
        digest = hashlib.sha256()
        for split in (self.train, self.val, self.test):
            for tensor in (split.inputs, split.labels):
                digest.update(f"{tensor.dtype} {list(tensor.shape)}".encode())
                digest.update(tensor.cpu().reshape(-1).numpy().data)
        return digest.hexdigest()[:12]

    def versions(self) -> tuple[int, ...]:
        """Each tensor's count of changes made in place; torch raises it with every one."""
        return tuple(
            tensor._version for split in (self.train, self.val, self.test) for tensor in (split.inputs, split.labels)
        )


class Shelf:
    """What was loaded last, under keys that say all that it depends on; threads may use it at once.

    Args:
        capacity: How many data sets are kept; beyond that, the one not used for longest goes.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._lock = threading.RLock()  # re-entrant: to load one data set may mean to load another first
        self._held: OrderedDict[Hashable, tuple[Parts, tuple[int, ...]]] = OrderedDict()

    def get(self, key: Hashable, load: Callable[[], Parts]) -> Parts:
        """The parts under `key`, from `load()` where they are not held; other threads wait for it.

        Raises:
            DataError: somebody changed a shared tensor in place. Whoever came after would train on wrong
                data.
        """
        with self._lock:
            if key not in self._held:
                parts = load()
                self._held[key] = (parts, parts.versions())
                while len(self._held) > self.capacity:
                    self._held.popitem(last=False)
            self._held.move_to_end(key)
            parts, versions = self._held[key]
        if parts.versions() != versions:
            raise DataError(
                "The data tensors that this process shares were changed in place by an earlier run. "
                "Change a copy instead: `data.test.inputs.clone()`."
            )
        return parts
