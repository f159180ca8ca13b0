"""Evaluating a network without leaving a trace in it or in the process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

_NUMBERS = 8192  # of an input that is not large
_HELD = 1 << 24  # numbers, of 4 bytes mostly


@contextmanager
def evaluating(network: nn.Module, device: torch.device | None = None) -> Iterator[nn.Module]:
    """The network in eval mode; on leaving, every module's mode and the global random state are put back.

    Dropout and batch normalisation act as they do on new data, and their running statistics stay as they are.

    Args:
        network: any module.
        device: a CUDA device whose random state is kept as well.

    Example:
        >>> network = nn.Sequential(nn.Dropout().eval(), nn.Linear(1, 1)).train()
        >>> with evaluating(network):
        ...     network.training
        False
        >>> network.training
        True
    """
    modes = [(module, module.training) for module in network.modules()]
    devices = [device] if device is not None and device.type == "cuda" else []
    network.eval()
    try:
        with torch.random.fork_rng(devices=devices):
            yield network
    finally:
        for module, mode in modes:
            module.training = mode


def rows_at_once(inputs: Tensor, most: int = 8192) -> int:
    """How many inputs are worked on at once: ``most``, and fewer of inputs that have more than 8192 numbers each.

    Example:
        >>> rows_at_once(torch.zeros(1, 28, 28)), rows_at_once(torch.zeros(1, 3, 224, 224), most=1000)
        (8192, 54)
    """
    return max(1, min(most, most * _NUMBERS // max(1, inputs[:1].numel())))


def rows_in_memory(inputs: Tensor, batch: int) -> int:
    """How many inputs are held in memory at once where all of them might not fit: a multiple of ``batch``, of 2²⁴
    numbers or a few more.

    Example:
        >>> rows_in_memory(torch.zeros(1, 4096), batch=1000)
        4000
    """
    return batch * max(1, _HELD // max(1, inputs[:1].numel()) // batch)


def outputs_of(network: nn.Module, inputs: Tensor, batch: int | None = None) -> Tensor:
    """The network's outputs in eval mode, shape ``[n, C]``, without a graph.

    Args:
        network: maps ``[B, d...]`` to ``[B, C]`` and treats inputs independently in eval mode.
        inputs: shape ``[n, d...]``.
        batch: how many inputs are evaluated at once; by default :func:`rows_at_once`.

    Raises:
        ValueError: if ``batch`` is below 1, or the outputs have not two axes with one row for each input.

    Example:
        >>> outputs_of(nn.Identity(), torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), batch=2)
        tensor([[1., 2.],
                [3., 4.],
                [5., 6.]])
    """
    batch = rows_at_once(inputs) if batch is None else batch
    if batch < 1:
        raise ValueError(f"Expected argument `batch` to be at least 1, but got {batch}.")
    with evaluating(network, inputs.device), torch.no_grad():
        outputs = torch.cat([network(part) for part in torch.split(inputs, batch)])
    return _checked(outputs, inputs)


def _checked(outputs: Tensor, inputs: Tensor) -> Tensor:
    if outputs.dim() != 2 or len(outputs) != len(inputs):
        raise ValueError(
            f"Expected argument `network` to map {list(inputs.shape)} to [{len(inputs)}, C], but got "
            f"{list(outputs.shape)}. Wrap it so that it returns one row of outputs for each input."
        )
    return outputs
