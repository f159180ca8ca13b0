"""Columns of numbers, standardised by what the training part alone has."""

from __future__ import annotations

import torch
from torch import Tensor

from simplicity_sweep.data.split import Split


def column_scale(values: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each column of `values`, float32 `[..., columns]`, both `[columns]`.

    The standard deviation of a column that is always the same is given as 1, so that it becomes 0 everywhere.

    Example:
        >>> column_scale(torch.tensor([[1.0, 5.0], [3.0, 5.0]]))
        (tensor([2., 5.]), tensor([1., 1.]))
    """
    columns = values.double().flatten(0, -2)
    std = columns.std(0, correction=0)
    return columns.mean(0).float(), torch.where(std > 0, std, torch.ones_like(std)).float()


def by_columns(split: Split, mean: Tensor, std: Tensor) -> Split:
    """The split with `(inputs - mean) / std`, column by column of the last axis."""
    return Split((split.inputs - mean) / std, split.labels)
