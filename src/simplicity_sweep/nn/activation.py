"""The activation of one layer."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

Activation = Callable[[], Callable[[Tensor], Tensor]]
"""A factory of activations, such as `torch.nn.ReLU`; what it makes is to be a module."""


def made(activation: Activation) -> nn.Module:
    """A new activation, for one layer: a shared module would share its parameters too (PReLU has some).

    >>> made(nn.ReLU)
    ReLU()

    Raises:
        TypeError: it is no module.
    """
    module = activation()
    if not isinstance(module, nn.Module):
        raise TypeError(
            f"Expected argument `activation` to make torch.nn.Modules, but it made {type(module).__name__}."
        )
    return module
