"""A network taken apart behind its first linear layer, where its inputs are longest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

_LOOKED_AT = 4  # inputs on which a network is tried


@dataclass(frozen=True, eq=False)
class Halves:
    """A network ``f(x) = behind(first(flatten(x)))``, evaluated in the mode that it is in.

    Attributes:
        network: the whole of it; left as it is.
        first: its first linear layer, which is fed with the flattened inputs and nothing else is.
        weight: what the layer computes with, shape ``[H, d]``: not its own where the network puts others in its place,
            as :func:`torch.func.functional_call` does.
        bias: shape ``[H]``, or ``None``.
        shape: of one input.
    """

    network: nn.Module
    first: nn.Linear
    weight: Tensor
    bias: Tensor | None
    shape: torch.Size

    def before(self, inputs: Tensor) -> Tensor:
        """The first layer's outputs, shape ``[B, H]``, for inputs of shape ``[B, d...]``."""
        return linear(inputs.flatten(1), self.weight, self.bias)

    def behind(self, hidden: Tensor) -> Tensor:
        """The network's outputs, shape ``[B, C]``, where its first layer's are ``hidden``, shape ``[B, H]``."""
        with self.held(hidden) as outputs:
            return outputs

    @contextmanager
    def held(self, hidden: Tensor, unread: Tensor | None = None) -> Iterator[Tensor]:
        """:meth:`behind`, for a backward pass within: what a network computes a second time there stays the same.

        Args:
            hidden: shape ``[B, H]``.
            unread: what stands in for the inputs, shape ``[B, d...]``.
        """
        with _returning(self.first, hidden):
            yield self.network(hidden.new_empty(len(hidden), *self.shape) if unread is None else unread)


def halves(network: nn.Module, inputs: Tensor) -> Halves | None:
    """The network taken apart, or ``None`` where it can't be, or where that would save nothing.

    It can be where all that it does with its inputs is to flatten them into a linear layer that is narrower than they
    are. This is found by trying: the outputs for a few of the inputs have to be the same, to the bit, when the first
    layer's outputs are kept and the inputs themselves are replaced by NaN, and by other inputs.

    Args:
        network: maps ``[B, d...]`` to ``[B, C]``; in eval mode, in which it treats inputs independently.
        inputs: shape ``[n, d...]``.

    Example:
        >>> network = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)).eval()
        >>> inputs = torch.ones(5, 2, 2)
        >>> apart = halves(network, inputs)
        >>> bool((apart.behind(apart.before(inputs)) == network(inputs)).all())
        True
        >>> halves(nn.Conv1d(1, 1, 1), torch.ones(5, 1, 4)) is None
        True
    """
    with torch.inference_mode(False), torch.no_grad():
        few = inputs[:_LOOKED_AT].detach().clone()
        if len(few) == 0:
            return None
        fed: list[tuple[nn.Linear, Tensor, Tensor | None, Tensor]] = []
        with _watched(network, few, fed):
            outputs = network(few)
        if not fed or not isinstance(outputs, Tensor) or outputs.dim() != 2:
            return None
        layer, weight, bias, hidden = fed[0]
        apart = Halves(network, layer, weight, bias, few.shape[1:])
        if not torch.equal(apart.before(few), hidden):
            return None
        try:
            for other in (torch.full_like(few, torch.nan), few.flip(0) + 1):
                with apart.held(hidden, other) as found:
                    if not torch.equal(found, outputs):
                        return None
        except Exception:  # it looks at its inputs, and can't bear what it sees
            return None
    return apart


@contextmanager
def _watched(
    network: nn.Module, given: Tensor, fed: list[tuple[nn.Linear, Tensor, Tensor | None, Tensor]]
) -> Iterator[None]:
    """Collects each linear layer that is fed with the flattened inputs as they are, and what it returns."""

    def watch(layer: nn.Module, arguments: tuple[Any, ...], output: Tensor) -> None:
        if type(layer) is not nn.Linear or "forward" in vars(layer) or layer.out_features > layer.in_features:
            return
        got = arguments[0]
        # A view of the inputs shares their memory, and their version as long as nothing has been written to it.
        untouched = got.data_ptr() == given.data_ptr() and got.numel() == given.numel() and got._version == 0
        if untouched and got.shape == (len(given), layer.in_features):
            bias = None if layer.bias is None else layer.bias.detach()
            fed.append((layer, layer.weight.detach(), bias, output.clone()))

    layers = [module for module in network.modules() if isinstance(module, nn.Linear)]
    handles = [layer.register_forward_hook(watch, prepend=True) for layer in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _returning(layer: nn.Linear, hidden: Tensor) -> Iterator[None]:
    """Lets a layer return ``hidden`` without computing anything; its hooks still see it."""
    before = vars(layer).get("forward")
    layer.forward = lambda *_, **__: hidden  # type: ignore[method-assign]
    try:
        yield
    finally:
        if before is None:
            del layer.forward
        else:
            layer.forward = before  # type: ignore[method-assign]
