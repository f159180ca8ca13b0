"""A data set whose answers are sets of labels."""

from __future__ import annotations

import torch

from simplicity_sweep.data import Split, TensorData


class Quadrants(TensorData):
    """Points of a plane: whether right of the middle, whether above it, whether far from it."""

    def load(self) -> tuple[Split, Split]:
        inputs = torch.randn(400, 2, generator=torch.Generator().manual_seed(0))
        sets = torch.stack([inputs[:, 0] > 0, inputs[:, 1] > 0, inputs.norm(dim=1) > 1.5], dim=1).float()
        return Split(inputs[:300], sets[:300]), Split(inputs[300:], sets[300:])
