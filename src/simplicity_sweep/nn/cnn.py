"""Convolutional networks."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from simplicity_sweep.nn.activation import Activation, made
from simplicity_sweep.nn.images import Images

_HALVED = 2


class CNN(nn.Sequential):
    """A small convolutional network from images [n, *shape] to logits [n, outputs].

    Depth is the number of 3 × 3 convolutions, each followed by an activation of its own; with none of them it is a
    linear model. After each of the first two, 2 × 2 max-pooling halves the image, where that has two pixels or more a
    side; all other layers keep its size. A linear layer follows. No normalisation.

    Args:
        shape: of one image: (height, width) or (channels, height, width).
        outputs: how many logits.
        hidden_layers: how many convolutions.
        activation: a factory, called once for each of them.
        channels: of each convolution.

    Raises:
        ValueError: the inputs are no images, or there are less than 0 layers or 1 channel.

    >>> [type(layer).__name__ for layer in CNN((8, 8), 10, 1, nn.ReLU)]
    ['Images', 'Conv2d', 'ReLU', 'MaxPool2d', 'Flatten', 'Linear']
    """

    def __init__(
        self, shape: Sequence[int], outputs: int, hidden_layers: int, activation: Activation, channels: int = 16
    ) -> None:
        if hidden_layers < 0:
            raise ValueError(f"Expected argument `hidden_layers` to be 0 or more, but got {hidden_layers}.")
        if channels < 1:
            raise ValueError(f"Expected argument `channels` to be 1 or more, but got {channels}.")
        images = Images(shape)
        layers: list[nn.Module] = [images]
        depth, height, width = images.channels, images.height, images.width
        for place in range(hidden_layers):
            layers += [nn.Conv2d(depth, channels, kernel_size=3, padding=1), made(activation)]
            depth = channels
            if place < _HALVED and min(height, width) >= 2:
                layers.append(nn.MaxPool2d(2))
                height, width = height // 2, width // 2
        super().__init__(*layers, nn.Flatten(), nn.Linear(depth * height * width, outputs))
