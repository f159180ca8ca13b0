"""The loaders of a LightningDataModule that knows nothing of us: which can be read once for all, and reading them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, RandomSampler, SequentialSampler, Subset, SubsetRandomSampler

from simplicity_sweep.data.errors import DataError

_COMPARED = 500  # examples that are read twice: each would have to come out the same by chance
_PAIRS = "expected pairs (inputs, answers) of tensors. Let the dataset return such pairs, or the loader's collate_fn"


@dataclass(frozen=True, eq=False)
class Loader:
    """A loader whose examples can be read in a fixed order.

    Attributes:
        name: what messages call it.
        given: the user's own.
        indices: the examples of its dataset, in the order in which they are read.
    """

    name: str
    given: DataLoader[Any]
    indices: Sequence[int]

    def __len__(self) -> int:
        return len(self.indices)

    def batches(self, indices: Sequence[int]) -> Iterator[tuple[Tensor, Tensor]]:
        """The examples at `indices` of the dataset, as the user's loader puts them together; in its worker processes.

        Raises:
            DataError: it raises, or yields something else than pairs of tensors.
        """
        given = self.given
        reader: DataLoader[Any] = DataLoader(
            Subset(given.dataset, indices),
            batch_size=given.batch_size,
            num_workers=given.num_workers,
            collate_fn=given.collate_fn,
            worker_init_fn=given.worker_init_fn,
        )
        with told(f"{self.name} can't be read"):
            for batch in reader:
                yield _pair(batch, self.name)

    def sample(self) -> tuple[Tensor, Tensor]:
        """Some of the examples, evenly spaced: inputs and answers.

        Raises:
            DataError: they are others when they are read again.
        """
        places = np.unique(np.linspace(0, len(self) - 1, min(len(self), _COMPARED)).astype(int))
        indices = [self.indices[place] for place in places]
        first, again = (self._whole(indices) for _ in range(2))
        if any(bytes_of(one) != bytes_of(other) for one, other in zip(first, again, strict=True)):
            raise DataError(
                f"{self.name} gives other values when an example is read again, as random augmentation does. Networks "
                "are compared on the same examples, which are read once: take what is random out of its dataset's "
                "transform."
            )
        return first

    def _whole(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        batches = list(self.batches(indices))
        shapes = {tuple(inputs.shape[1:]) for inputs, _ in batches}
        if len(shapes) > 1:
            raise DataError(f"{self.name} yields inputs of the shapes {_shown(shapes)}; expected one.")
        return torch.cat([inputs for inputs, _ in batches]), torch.cat([answers for _, answers in batches])


def loader_of(module: Any, part: str, called: str) -> Loader:
    """The module's loader of a part, `train`, `val` or `test`.

    Raises:
        DataError: there is none, or it can't be read once for all; the message names it and says why.
    """
    hook = f"{part}_dataloader"
    name = f"{called}.{hook}()"
    if getattr(getattr(module, hook), "__qualname__", "") == f"DataHooks.{hook}":
        raise DataError(f"{called} has no {hook}(). Write one: each of the three parts is needed, and must be its own.")
    with told(f"{name} can't be called"):
        given = getattr(module, hook)()
    if isinstance(given, list | tuple) and len(given) == 1:  # Lightning takes several at validation and at the test
        [given] = given
    if not isinstance(given, DataLoader):
        raise DataError(f"{name} returns {_described(given)}; expected one DataLoader of torch.")
    if isinstance(given.dataset, IterableDataset):
        raise DataError(
            f"{name} reads an IterableDataset: its examples can't be counted, nor read in an order of ours. Make a "
            "dataset of it that has __len__ and __getitem__."
        )
    if given.batch_size is None:
        raise DataError(
            f"{name} makes its batches with a batch_sampler of its own, or makes none. Use DataLoader(batch_size=…)."
        )
    indices = _indices(given, name)
    if not indices:
        raise DataError(f"{name} has no examples.")
    return Loader(name, given, indices)


@contextmanager
def told(what: str) -> Iterator[None]:
    """Lets whatever the user's code raises in the block be an error about the data.

    Raises:
        DataError: says what was raised.
    """
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"{what}. {type(error).__name__}: {error}") from error


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """A block whose random numbers depend on `seed` alone; those of Python, NumPy and torch are then put back."""
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            np.random.seed(seed % 2**32)
            random.seed(seed)
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


def bytes_of(tensor: Tensor) -> bytes:
    """What a tensor holds."""
    return tensor.contiguous().view(torch.uint8).numpy().tobytes()


def _indices(given: DataLoader[Any], name: str) -> Sequence[int]:
    sampler, size = given.sampler, len(given.dataset)  # type: ignore[arg-type]
    if type(sampler) is SubsetRandomSampler:
        return [int(index) for index in sampler.indices]
    whole = type(sampler) is RandomSampler and not sampler.replacement and sampler.num_samples == size
    if whole or type(sampler) is SequentialSampler:
        return range(size)
    raise DataError(
        f"{name} draws its examples with {type(sampler).__name__}, which would not be kept: every example is seen once "
        "an epoch. Use shuffle=True; data.class_weights=balanced gives rare classes their weight."
    )


def _pair(batch: Any, name: str) -> tuple[Tensor, Tensor]:
    if isinstance(batch, Mapping):
        raise DataError(f"{name} yields dicts with the keys {', '.join(map(str, batch))}; {_PAIRS}.")
    if not isinstance(batch, list | tuple) or len(batch) != 2 or not all(isinstance(each, Tensor) for each in batch):
        raise DataError(f"{name} yields {_described(batch)}; {_PAIRS}.")
    inputs, answers = batch
    if inputs.ndim < 2 or inputs.is_complex() or len(inputs) != len(answers) or inputs.numel() == 0:
        raise DataError(
            f"{name} yields inputs of {inputs.dtype} and shape {list(inputs.shape)} with answers of shape "
            f"{list(answers.shape)}; expected real numbers of shape [n, d...] and n answers."
        )
    return inputs, answers


def _described(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"{type(value).__name__} of {', '.join(type(each).__name__ for each in value) or 'nothing'}"
    return type(value).__name__


def _shown(shapes: set[tuple[int, ...]]) -> str:
    return " and ".join(str(list(shape)) for shape in sorted(shapes))
