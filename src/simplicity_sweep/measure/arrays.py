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

KEYS = "inputs [n, d...] and, if known, labels [n]; for points=[train] train_inputs and train_labels"


@dataclass(frozen=True, eq=False)
class ArrayPart:
    """Inputs and, where they are known, their classes."""

    inputs: Tensor
    labels: Tensor | None


@dataclass(frozen=True, eq=False)
class ArrayData:
    """A data set from arrays; what there is to measure on is its test part."""

    test: ArrayPart
    train: ArrayPart | None

    @property
    def val(self) -> ArrayPart:
        """The same: nothing is chosen by it."""
        return self.test

    def to(self, device: torch.device) -> ArrayData:
        """The same data on `device`."""
        return ArrayData(_to(self.test, device), None if self.train is None else _to(self.train, device))


def arrays_of(data: TensorData) -> ArrayData:
    """The training and test inputs of a data module that is set up."""
    return ArrayData(ArrayPart(data.test.inputs, data.test.labels), ArrayPart(data.train.inputs, data.train.labels))


def read_arrays(path: Path) -> ArrayData:
    """The data in an `.npz` file.

    Args:
        path: a file with the arrays that `KEYS` names. Inputs are taken as they are: scaled as the network expects.

    Raises:
        ConfigError: the file can't be read, an array is missing or has another shape or type.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} can't be read as an .npz file ({error}).") from error
    if "inputs" not in found:
        raise ConfigError(f"{path} holds the arrays {', '.join(found) or 'none'}; expected {KEYS}.")
    train = _part(path, found, "train_") if "train_inputs" in found else None
    return ArrayData(_part(path, found, ""), train)


def _part(path: Path, arrays: Mapping[str, npt.NDArray[Any]], prefix: str) -> ArrayPart:
    inputs, labels = arrays[f"{prefix}inputs"], arrays.get(f"{prefix}labels")
    if inputs.dtype.kind != "f" or inputs.ndim < 2 or len(inputs) < 2:
        raise ConfigError(
            f"{path}: {prefix}inputs is {inputs.dtype} of shape {list(inputs.shape)}; expected floating-point numbers, "
            "scaled as the network takes them, of shape [n, d...] with n ≥ 2."
        )
    if not np.isfinite(inputs).all():
        raise ConfigError(f"{path}: {prefix}inputs holds NaN or infinities. Leave those inputs out.")
    if labels is not None and (labels.dtype.kind not in "iu" or labels.shape != inputs.shape[:1]):
        raise ConfigError(
            f"{path}: {prefix}labels is {labels.dtype} of shape {list(labels.shape)}; expected {len(inputs)} whole "
            "numbers, the class of each input."
        )
    known = None if labels is None else torch.from_numpy(labels.astype(np.int64))
    return ArrayPart(torch.from_numpy(inputs.astype(np.float32)), known)


def _to(part: ArrayPart, device: torch.device) -> ArrayPart:
    return ArrayPart(part.inputs.to(device), None if part.labels is None else part.labels.to(device))
