"""Data of the user's own, from a file of NumPy arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from simplicity_sweep.config import ConfigError
from simplicity_sweep.data import TensorData

_KEYS = ("inputs", "labels", "train_inputs", "train_labels")
_EXPECTED = (
    "expected inputs [n, d...] and, if known, labels [n]; for measure.points=[train] also train_inputs and, if known, "
    "train_labels"
)


@dataclass(frozen=True, eq=False)
class ArrayPart:
    """Inputs and, where they are known, their classes."""

    inputs: Tensor
    labels: Tensor | None

    def to(self, device: torch.device, dtype: torch.dtype) -> ArrayPart:
        """The same on `device`, the inputs as `dtype`."""
        return ArrayPart(self.inputs.to(device, dtype), None if self.labels is None else self.labels.to(device))


@dataclass(frozen=True, eq=False)
class ArrayData:
    """A data set from arrays; what there is to measure on is its test part."""

    test: ArrayPart
    train: ArrayPart | None

    @property
    def val(self) -> ArrayPart:
        """The same: nothing is chosen by it."""
        return self.test

    def to(self, device: torch.device, dtype: torch.dtype) -> ArrayData:
        """The same on `device`, the inputs as `dtype`."""
        return ArrayData(self.test.to(device, dtype), None if self.train is None else self.train.to(device, dtype))


def arrays_of(data: TensorData) -> ArrayData:
    """The training and test inputs of a data module that is set up."""
    return ArrayData(ArrayPart(data.test.inputs, data.test.labels), ArrayPart(data.train.inputs, data.train.labels))


def read_arrays(path: Path) -> ArrayData:
    """The data in an `.npz` file.

    Args:
        path: a file with the arrays `inputs`, of shape [n, d...], and, where they are known, `labels`, of shape [n];
            the same of the training part as `train_inputs` and `train_labels`. Inputs are taken as they are: scaled as
            the network expects.

    Raises:
        ConfigError: the file can't be read, an array is missing or has another shape or type.
    """
    found = _read(path)
    unknown = [name for name in found if name not in _KEYS]
    if "inputs" not in found or unknown:
        raise ConfigError(f"--npz {path} holds the arrays {', '.join(found) or 'none'}; {_EXPECTED}.")
    if "train_labels" in found and "train_inputs" not in found:
        raise ConfigError(f"--npz {path} holds train_labels without train_inputs; {_EXPECTED}.")
    test = _part(path, found, "")
    train = _part(path, found, "train_") if "train_inputs" in found else None
    if train is not None and train.inputs.shape[1:] != test.inputs.shape[1:]:
        raise ConfigError(
            f"--npz {path}: train_inputs are of shape {list(train.inputs.shape)}; expected that of inputs behind n, "
            f"{list(test.inputs.shape[1:])}."
        )
    return ArrayData(test, train)


def _read(path: Path) -> dict[str, npt.NDArray[Any]]:
    try:
        with path.open("rb") as file:  # given the path, NumPy leaves a file that it can't read open
            arrays = np.load(file, allow_pickle=False)
            if not isinstance(arrays, np.lib.npyio.NpzFile):
                raise ValueError("it holds one array without a name")
            return {name: arrays[name] for name in arrays.files}
    except FileNotFoundError:
        raise ConfigError(f"--npz {path} does not exist.") from None
    except Exception as error:  # whatever the bytes of a file that is none make NumPy and zipfile say
        raise ConfigError(
            f"--npz {path} can't be read as an .npz file ({error}). Write it with numpy.savez(path, inputs=…, labels=…)"
        ) from error


def _part(path: Path, arrays: Mapping[str, npt.NDArray[Any]], prefix: str) -> ArrayPart:
    inputs, labels = arrays[f"{prefix}inputs"], arrays.get(f"{prefix}labels")
    if inputs.dtype.kind != "f" or inputs.ndim < 2 or len(inputs) < 2 or inputs.size == 0:
        raise ConfigError(
            f"--npz {path}: {prefix}inputs is {inputs.dtype} of shape {list(inputs.shape)}; expected floating-point "
            "numbers, scaled as the network takes them, of shape [n, d...] with n ≥ 2, as in "
            "(images / 255).astype(numpy.float32)"
        )
    if bad := int((~np.isfinite(inputs)).reshape(len(inputs), -1).any(1).sum()):
        raise ConfigError(
            f"--npz {path}: {bad} of {len(inputs)} {prefix}inputs hold NaN or infinities. Leave those inputs out."
        )
    if labels is not None and (labels.dtype.kind not in "iu" or labels.shape != inputs.shape[:1]):
        raise ConfigError(
            f"--npz {path}: {prefix}labels is {labels.dtype} of shape {list(labels.shape)}; expected {len(inputs)} "
            f"whole numbers from 0, the class of each input, of shape [{len(inputs)}]. labels.ravel() drops an axis, "
            "labels.argmax(1) undoes one-hot, numpy.unique(labels, return_inverse=True)[1] numbers names."
        )
    wide = np.float64 if inputs.dtype.itemsize > 4 else np.float32  # NumPy has more kinds of them than torch
    known = None if labels is None else torch.from_numpy(labels.astype(np.int64))
    return ArrayPart(torch.from_numpy(inputs.astype(wide)), known)
