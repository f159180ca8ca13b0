"""Activations that break a job at a chosen place; chosen by `activation._target_`.

The network that is tried before the first job takes no gradients, and is spared.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class AtBuild(nn.Identity):
    """Can't be built."""

    def __init__(self) -> None:
        super().__init__()
        if torch.is_grad_enabled():
            raise RuntimeError("broke while it was built")


class InTraining(nn.Identity):
    """Breaks at the first training step."""

    def forward(self, x: Tensor) -> Tensor:
        if self.training and torch.is_grad_enabled():
            raise RuntimeError("broke in training")
        return x


class InMeasuring(nn.ReLU):
    """Breaks where gradients are taken outside training: in the measurement of the Jacobian."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training and x.ndim > 1 and torch.is_grad_enabled():
            raise RuntimeError("broke while it was measured")
        return super().forward(x)
