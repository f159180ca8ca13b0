"""Inputs as sequences of patches."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor, nn

from simplicity_sweep.nn.images import Images


class Patches(nn.Module):
    """Inputs [n, *shape] as sequences [n, length, size]: an image's squares, row by row, or a vector's windows.

    Args:
        shape: of one input: (d,), or an image's.
        side: of a square, or a window's length.

    Attributes:
        length: how many patches an input has.
        size: how many numbers a patch has.

    Raises:
        ValueError: `side` does not divide the sides of the image or the length of the vector, or inputs are neither.

    >>> import torch
    >>> Patches((6,), 2)(torch.arange(6.0)[None]).tolist()
    [[[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]]
    >>> Patches((4, 4), 2)(torch.arange(16.0).view(1, 4, 4))[0, 1].tolist()
    [2.0, 3.0, 6.0, 7.0]
    """

    def __init__(self, shape: Sequence[int], side: int) -> None:
        super().__init__()
        self.side = side
        self.images = Images(shape) if len(shape) > 1 else None
        sides = shape if self.images is None else (self.images.height, self.images.width)
        if side < 1 or any(length % side for length in sides):
            common = math.gcd(*sides)
            fitting = [str(d) for d in range(1, common + 1) if common % d == 0]
            raise ValueError(
                f"Expected argument `patch` to divide inputs of shape {tuple(shape)}, but got {side}. Those that do: "
                f"model.patch={' or '.join(fitting)}"
            )
        self.length = math.prod(length // side for length in sides)
        self.size = math.prod(shape) // self.length

    def forward(self, inputs: Tensor) -> Tensor:
        if self.images is None:
            return inputs.reshape(inputs.shape[0], self.length, self.size)
        images: Tensor = self.images(inputs)
        rows, columns = self.images.height // self.side, self.images.width // self.side
        squares = images.reshape(inputs.shape[0], self.images.channels, rows, self.side, columns, self.side)
        return squares.permute(0, 2, 4, 1, 3, 5).reshape(inputs.shape[0], self.length, self.size)

    def extra_repr(self) -> str:
        return f"side={self.side}, length={self.length}, size={self.size}"
