"""A part of a data set, as two tensors."""

from dataclasses import dataclass

import torch
from torch import Tensor

from simplicity_sweep.data.errors import DataError


@dataclass(frozen=True, eq=False)
class Split:
    """Examples and what is to be answered to them, ready for a network.

    Attributes:
        inputs: float32 `[n, *shape]`, already standardised.
        labels: the answers, on the same device: classes, int64 `[n]`, from 0; or numbers, float32 `[n, outputs]`, in
            their own units; or sets of labels, float32 `[n, outputs]` of 0 and 1.

    Raises:
        DataError: the types, lengths or devices are others.

    Example:
        >>> split = Split(inputs=torch.zeros(3, 8, 8), labels=torch.tensor([0, 1, 1]))
        >>> len(split), split.is_classes
        (3, True)
        >>> Split(inputs=torch.zeros(3, 8), labels=torch.zeros(3, 2)).is_classes
        False
    """

    inputs: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        if self.inputs.dtype != torch.float32 or self.labels.dtype not in (torch.int64, torch.float32):
            raise DataError(
                "Expected `inputs` to be float32 and `labels` int64 classes or float32 targets, "
                f"but got {self.inputs.dtype} and {self.labels.dtype}."
            )
        if self.is_classes and (self.inputs.ndim < 2 or self.labels.shape != self.inputs.shape[:1]):
            raise DataError(
                "Expected `inputs` to be of shape [n, *shape] and `labels` of shape [n], "
                f"but got {list(self.inputs.shape)} and {list(self.labels.shape)}."
            )
        if not self.is_classes and (self.inputs.ndim < 2 or not _is_table(self.labels, len(self.inputs))):
            raise DataError(
                "Expected `inputs` to be of shape [n, *shape] and float32 `labels` of shape [n, outputs], "
                f"but got {list(self.inputs.shape)} and {list(self.labels.shape)}."
            )
        if self.inputs.device != self.labels.device:
            raise DataError(
                f"Expected `inputs` and `labels` on one device, but got {self.inputs.device} and {self.labels.device}."
            )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def is_classes(self) -> bool:
        """Whether each example belongs to one class; otherwise it has numbers as its answer."""
        return self.labels.dtype == torch.int64

    @property
    def device(self) -> torch.device:
        """Where the tensors lie."""
        return self.inputs.device

    def to(self, device: torch.device) -> "Split":
        """The split on `device`; the same tensors where they are there already."""
        return Split(self.inputs.to(device), self.labels.to(device))

    def take(self, indices: Tensor) -> "Split":
        """The examples at `indices`, an int64 tensor `[m]`, in that order, as new tensors."""
        return Split(self.inputs[indices], self.labels[indices])


def _is_table(labels: Tensor, rows: int) -> bool:
    return labels.ndim == 2 and len(labels) == rows and labels.shape[1] >= 1
