"""Multilayer perceptrons."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import nn

from simplicity_sweep.nn.activation import Activation, made


def hidden_sizes(hidden_layers: int, width: int, sizes: Sequence[int] | None = None) -> tuple[int, ...]:
    """The units of each hidden layer: `sizes` where given, else `width` and then half of it for every later layer.

    >>> hidden_sizes(0, 128), hidden_sizes(2, 128), hidden_sizes(4, 128)
    ((), (128, 64), (128, 64, 64, 64))
    >>> hidden_sizes(2, 128, sizes=[300, 100, 50])
    (300, 100, 50)

    Raises:
        ValueError: a negative number of layers, or a layer without units.
    """
    if sizes is None:
        if hidden_layers < 0:
            raise ValueError(f"Expected argument `hidden_layers` to be 0 or more, but got {hidden_layers}.")
        sizes = [width, *[width // 2] * (hidden_layers - 1)][:hidden_layers]
    if any(size < 1 for size in sizes):
        raise ValueError(f"Expected every hidden layer to have at least 1 unit, but got {list(sizes)}.")
    return tuple(sizes)


class MLP(nn.Sequential):
    """A fully connected network from inputs [n, *shape] to logits [n, outputs].

    Depth is the number of hidden layers; with none of them it is a linear model. `activation` is a factory, called
    once for each hidden layer, because a shared module would share its parameters too (PReLU has some).

    >>> from torch.nn import ReLU
    >>> [type(layer).__name__ for layer in MLP((28, 28), 10, (128, 64), ReLU)]
    ['Flatten', 'Linear', 'ReLU', 'Linear', 'ReLU', 'Linear']
    """

    def __init__(
        self,
        shape: Sequence[int],
        outputs: int,
        sizes: Sequence[int],
        activation: Activation,
    ) -> None:
        layers: list[nn.Module] = [nn.Flatten()]
        inputs = math.prod(shape)
        for size in sizes:
            layers += [nn.Linear(inputs, size), made(activation)]
            inputs = size
        super().__init__(*layers, nn.Linear(inputs, outputs))
