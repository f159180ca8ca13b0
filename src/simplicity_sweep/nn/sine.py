"""The sine activation."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Sine(nn.Module):
    """`sin(omega · x)`, element by element (Sitzmann et al. 2020, arXiv 2006.09661, who use omega = 30 in the first
    layer and an initialisation of their own; here the initialisation is that of every other activation).

    >>> Sine()(torch.tensor([0.0, torch.pi / 2])).tolist()
    [0.0, 1.0]
    """

    def __init__(self, omega: float = 1.0) -> None:
        super().__init__()
        self.omega = omega

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(self.omega * x)

    def extra_repr(self) -> str:
        return f"omega={self.omega}"
