"""The base of every data module: whole data sets as tensors on the device, shared within the process."""

import pickle
from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from simplicity_sweep.data.batches import Batches, FixedBatches
from simplicity_sweep.data.errors import DataError, check_number, check_whole_number
from simplicity_sweep.data.permutation import permutation
from simplicity_sweep.data.residence import Resident, lies_whole
from simplicity_sweep.data.sharing import Parts, Shelf
from simplicity_sweep.data.sizes import Size, check_size, count_of
from simplicity_sweep.data.split import Split
from simplicity_sweep.data.weights import ClassWeights, check_class_weights, weights_of

_HOLD_OUT_STREAM = 1
# Four data sets of MNIST's size take less than 1 GB; a sweep over more loads some of them again.
_SHELF = Shelf(capacity=4)
# What a module carries besides that on which its tensors depend.
_BESIDES = frozenset(vars(pl.LightningDataModule())) | {
    *("batch_size", "order_seed", "class_weights"),
    *("_hparams", "_hparams_initial"),  # Lightning makes the former when a fit begins
    *("train", "val", "test", "classes", "outputs", "shape", "parts"),
}


def standardise(values: NDArray[Any], scale: float, mean: float, std: float) -> Tensor:
    """`(values / scale - mean) / std` as a new float32 tensor of the same shape, on the CPU.

    The three steps are float32 operations in this order, as in torchvision's `ToTensor` and `Normalize`.

    Args:
        values: Raw values, for example bytes.
        scale: The largest raw value, so that `mean` and `std` are in units of the full range.
        mean: Of the scaled training values.
        std: Of the scaled training values.

    Example: black, grey and white where the mean is 0.5 and the standard deviation 0.25.
        >>> standardise(np.array([0, 5, 10]), scale=10, mean=0.5, std=0.25)
        tensor([-2.,  0.,  2.])
    """
    return torch.from_numpy(values.astype(np.float32)).div_(scale).sub_(mean).div_(std)


def hold_out(split: Split, val_size: Size, split_seed: int) -> tuple[Split, Split]:
    """The training and the validation part of `split`: all but `val_size` random examples, and those.

    Which ones depends on `split_seed` and `len(split)` alone, so that all replicates of a sweep share them.

    Raises:
        DataError: `val_size` leaves no example on one of the two sides.

    Example:
        >>> split = Split(torch.arange(5.0)[:, None], torch.zeros(5, dtype=torch.int64))
        >>> train, val = hold_out(split, val_size=2, split_seed=0)
        >>> len(train), len(val)
        (3, 2)
    """
    held_out = count_of(val_size, len(split))
    if not 1 <= held_out < len(split):
        raise DataError(
            f"Expected `data.val_size` to be from 1 to {len(split) - 1}, "
            f"one less than the published training part holds, but got {val_size}."
        )
    mixed = permutation(len(split), split_seed, (_HOLD_OUT_STREAM,)).to(split.device)
    return split.take(mixed[held_out:]), split.take(mixed[:held_out])


class TensorData(pl.LightningDataModule, ABC):
    """A data module that holds its data as tensors on the device.

    A data set of one's own is a subclass with `load`, and with `fetch` and `files` where it reads files:

        class Stripes(TensorData):
            def load(self):
                pixels, labels = draw_stripes()  # uint8 [n, 8, 8], int64 [n]
                inputs = standardise(pixels, scale=255, mean=self.mean, std=self.std)
                return Split(inputs[:800], labels[:800]), Split(inputs[800:], labels[800:])

    and a file `conf/data/stripes.yaml` with its `_target_` and arguments.

    Modules of one class and process with the same attributes (`batch_size` and `order_seed` aside), files and
    device share their tensors, which are loaded once. They must not be changed in place.

    Args:
        root: The folder under which data sets keep their files.
        batch_size: Examples a training batch.
        val_size: How many examples of the published training part are held out for validation, or which share of them.
        split_seed: Decides which.
        order_seed: Decides the order of the training examples, epoch by epoch.
        mean: What is subtracted from the scaled values.
        std: What they are then divided by.
        class_weights: How much each class counts in the training loss: a number for each, "balanced" for
            n / (classes · examples of the class) in the training part, or None for 1 each.

    Attributes:
        train, val, test: The parts, after `setup`, on the trainer's device or, without a trainer, on the CPU. Where a
            GPU has no room for them they stay on the CPU, and batches go there one by one.
        resident: whether a GPU holds them whole: see `Resident`.
        outputs: How many outputs a network needs, after `setup`: one for each class, number or label.
        classes: How many classes there are, after `setup`; None where the answers are numbers or sets of labels.
        shape: The shape of one input, after `setup`; (28, 28) for MNIST. Networks flatten it themselves.
        parts: All that is shared, after `setup`: the parts, names of the classes, what is said of the data set.

    Raises:
        DataError: an argument is out of range; later, the data cannot be had.
    """

    besides: ClassVar[frozenset[str]] = frozenset()
    """Attributes of a subclass on which its tensors do not depend."""
    resident: Resident = "auto"
    train: Split
    val: Split
    test: Split
    outputs: int
    classes: int | None
    shape: tuple[int, ...]
    parts: Parts

    def __init__(
        self,
        *,
        root: str | Path = ".",
        val_size: Size,
        mean: float = 0.0,
        std: float = 1.0,
        batch_size: int = 64,
        split_seed: int = 0,
        order_seed: int = 0,
        class_weights: ClassWeights = None,
    ) -> None:
        super().__init__()
        check_whole_number("batch_size", batch_size, least=1)
        check_size("val_size", val_size)
        check_whole_number("split_seed", split_seed, least=0)
        check_whole_number("order_seed", order_seed, least=0)
        check_number("mean", mean)
        check_number("std", std, above=0)
        check_class_weights(class_weights)
        self.root = Path(root).expanduser().absolute()
        self.batch_size = batch_size
        self.val_size = val_size
        self.split_seed = split_seed
        self.order_seed = order_seed
        self.mean = mean
        self.std = std
        self.class_weights = class_weights

    def fetch(self) -> None:
        """Bring the files of the data set under `root`; nothing where they are there or none are needed."""

    def files(self) -> Sequence[Path]:
        """The files that `load` reads: when one is replaced, the data are loaded again."""
        return ()

    def held_out(self, published: Split) -> tuple[Split, Split]:
        """The training and the validation part: by default `val_size` random examples are held out."""
        return hold_out(published, self.val_size, self.split_seed)

    def scaled(self, train: Split, val: Split, test: Split) -> tuple[Split, Split, Split]:
        """The parts with their inputs as networks take them: by default `load` has seen to that already."""
        return train, val, test

    @abstractmethod
    def load(self) -> tuple[Split, Split] | Parts:
        """The published training part and test part, on the CPU; or all parts, of data with a validation part of their
        own."""

    def prepare_data(self) -> None:
        """Fetch what is missing. Lightning calls it in one process of a machine; any number may."""
        self.fetch()

    def setup(self, stage: str | None = None) -> None:
        """Set `train`, `val`, `test`, `outputs`, `classes` and `shape`; the same for every `stage`."""
        device = self._device()
        self.parts = parts = self._shared(device)
        self.train, self.val, self.test, self.outputs = parts.train, parts.val, parts.test, parts.outputs
        self.classes = parts.outputs if parts.train.is_classes else None
        self.shape = tuple(self.train.inputs.shape[1:])

    @property
    def loss_weights(self) -> tuple[float, ...] | None:
        """How much each class counts in the training loss, after `setup`; None where all count alike.

        Raises:
            DataError: there are not as many as classes, or no classes.
        """
        if self.classes is None:
            if self.class_weights is not None:
                raise DataError(
                    f"data.class_weights = {self.class_weights!r}: these data have no classes, but numbers or sets of "
                    "labels as targets. Leave it null."
                )
            return None
        return weights_of(self.class_weights, self.train.labels, self.classes)

    def target_scale(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of each training target, float32 `[outputs]`, in which networks answer."""
        targets = self.train.labels.double()
        return targets.mean(0).float(), targets.std(0, correction=0).float()

    def train_dataloader(self) -> Batches:
        """The loader of the training part, in another order every epoch."""
        return Batches(self.train, self.batch_size, self.order_seed)

    def val_dataloader(self) -> FixedBatches:
        """The loader of the validation part."""
        return FixedBatches(self.val)

    def test_dataloader(self) -> FixedBatches:
        """The loader of the test part."""
        return FixedBatches(self.test)

    def _device(self) -> torch.device:
        if self.trainer is None:
            return torch.device("cpu")
        if self.trainer.world_size > 1:
            # Every process would train on every example, in the same order.
            raise DataError(
                f"Expected a trainer with 1 device, which holds all data, but got {self.trainer.world_size}. "
                "Set `trainer.devices=1`; a sweep uses several devices by running several jobs."
            )
        return self.trainer.strategy.root_device

    def _key(self, device: torch.device) -> Hashable:
        """All on which the tensors depend."""
        return type(self), frozenset(self.decisive().items()), stamps(self.files()), device

    def decisive(self) -> dict[str, Hashable]:
        """Every attribute that decides the tensors, so that one a subclass adds is not forgotten."""
        names = vars(self).keys() - _BESIDES - self.besides
        return {name: _hashable(getattr(self, name)) for name in names}

    def _shared(self, device: torch.device) -> Parts:
        """The parts on `device`, from those on the CPU, which are read once."""
        if device.type == "cpu":
            return _SHELF.get(self._key(device), self._parts)
        return _SHELF.get(self._key(device), lambda: self._placed(self._shared(torch.device("cpu")), device))

    def _placed(self, parts: Parts, device: torch.device) -> Parts:
        """The parts on `device`, or where they are if it has no room for them."""
        return parts.to(device) if lies_whole(self.called, parts.nbytes, self.resident, device) else parts

    @property
    def called(self) -> str:
        """What messages call the data."""
        return type(self).__name__

    def _parts(self) -> Parts:
        # Tensors made in inference mode could never be trained on, and these are for all later runs.
        with torch.inference_mode(False):
            loaded = self.load()
            if isinstance(loaded, Parts):
                return loaded
            published, test = loaded
            if published.inputs.shape[1:] != test.inputs.shape[1:]:
                raise DataError(
                    "Expected training and test inputs of one shape, "
                    f"but got {list(published.inputs.shape[1:])} and {list(test.inputs.shape[1:])}."
                )
            train, val, test = self.scaled(*self.held_out(published), test)
            return Parts(train, val, test, outputs=_outputs(published, test))


def stamps(files: Sequence[Path]) -> tuple[tuple[Path, int, int], ...]:
    """Path, time of the last change and size of each file: others where one is replaced."""
    found = ((path, path.stat()) for path in files)
    return tuple((path, stat.st_mtime_ns, stat.st_size) for path, stat in found)


def _outputs(published: Split, test: Split) -> int:
    """How many outputs the answers need.

    Raises:
        DataError: they are none that a network could learn.
    """
    if published.is_classes != test.is_classes or published.labels.shape[1:] != test.labels.shape[1:]:
        kinds = [f"{split.labels.dtype} {list(split.labels.shape)}" for split in (published, test)]
        raise DataError(f"Expected training and test labels of one kind and width, but got {' and '.join(kinds)}.")
    labels = torch.cat([published.labels, test.labels])
    if not published.is_classes:
        if not bool(labels.isfinite().all()):
            row, column = (~labels.isfinite()).nonzero()[0].tolist()
            raise DataError(f"Expected finite targets, but got {float(labels[row, column])} in target {column}.")
        return labels.shape[1]
    if int(labels.min()) < 0:
        raise DataError(f"Expected labels from 0, but got {int(labels.min())}.")
    return int(labels.max()) + 1


def _hashable(item: Any) -> Hashable:
    """`item` itself where it can be part of a key, else its contents as bytes."""
    try:
        hash(item)
    except TypeError:
        return pickle.dumps(item)
    return item  # type: ignore[no-any-return]
