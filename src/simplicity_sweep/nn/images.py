"""Inputs as images with channels."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn


class Images(nn.Module):
    """Inputs [n, *shape] as images [n, channels, height, width].

    Args:
        shape: of one input: (height, width), which has one channel, or (channels, height, width).

    Raises:
        ValueError: it is no image.

    >>> import torch
    >>> Images((28, 28))(torch.zeros(5, 28, 28)).shape
    torch.Size([5, 1, 28, 28])
    """

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__()
        if len(shape) not in (2, 3):
            raise ValueError(
                f"Expected images of shape (height, width) or (channels, height, width), but got inputs of shape "
                f"{tuple(shape)}."
            )
        self.channels, self.height, self.width = (1, *shape) if len(shape) == 2 else shape

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs.reshape(inputs.shape[0], self.channels, self.height, self.width)

    def extra_repr(self) -> str:
        return f"{self.channels}, {self.height}, {self.width}"
