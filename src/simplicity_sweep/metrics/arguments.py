"""What the metrics' arguments may be."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

Space = Literal["logits", "probabilities"]
"""Of a network's outputs."""

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
"""The dtypes that outputs may have."""


def choice(name: str, value: str, allowed: object) -> str:
    """The value, which is one of those of a ``Literal``.

    Args:
        name: of the argument.
        value: what it was given.
        allowed: the ``Literal``.

    Raises:
        ValueError: if it is another one.

    Example:
        >>> choice("space", "logits", Space)
        'logits'
    """
    if value not in get_args(allowed):
        raise ValueError(f"Expected argument `{name}` to be one of {list(get_args(allowed))}, but got {value!r}.")
    return value


def matrix(name: str, tensor: Tensor) -> Tensor:
    """The tensor without its graph, which has shape ``[n, C]`` and holds floating-point numbers.

    Args:
        name: of the argument.
        tensor: what it was given.

    Raises:
        TypeError: if it holds other numbers.
        ValueError: if it has other axes, or C = 0.

    Example:
        >>> matrix("preds", torch.ones(1, 2, requires_grad=True))
        tensor([[1., 1.]])
    """
    if tensor.dtype not in FLOATS:
        raise TypeError(f"Expected argument `{name}` to have one of the dtypes {list(FLOATS)}, but got {tensor.dtype}.")
    if tensor.dim() != 2 or tensor.shape[1] == 0:
        raise ValueError(
            f"Expected argument `{name}` to have shape [n, C] with C ≥ 1, one row of outputs for each input, but got "
            f"{list(tensor.shape)}."
        )
    return tensor.detach()
