"""A network taken apart behind its first linear layer, where its inputs are longest, and behind every other one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

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
                with apart.held(hidden.clone(), other) as found:
                    if not torch.equal(found, outputs):
                        return None
        except Exception:  # it looks at its inputs, and can't bear what it sees
            return None
    return apart


class Slopes(NamedTuple):
    """The derivative of a chain, taken apart for a batch.

    Attributes:
        outputs: of the network, shape ``[B, C]``.
        of_units: ``φ′`` at each hidden unit, for each linear layer but the last: shape ``[B, H]``.
        weights: of each linear layer but the first: shape ``[next H, H]``, at last ``[C, H]``.
    """

    outputs: Tensor
    of_units: list[Tensor]
    weights: list[Tensor]

    def rows(self, vectors: Tensor | None = None) -> Tensor:
        """The gradients of ``v·f`` with respect to the first layer's outputs, shape ``[P, B, H]``.

        Args:
            vectors: shape ``[P, B, C]``; without them, those of each output alone, shape ``[C, B, H]``.
        """
        *weights, last = self.weights
        *units, nearest = self.of_units
        rows = (last[:, None] if vectors is None else vectors @ last) * nearest
        for weight, slope in zip(reversed(weights), reversed(units), strict=True):
            rows = (rows @ weight).mul_(slope)
        return rows

    def part(self, places: slice) -> Slopes:
        """The same for some of the batch."""
        return Slopes(self.outputs[places], [slope[places] for slope in self.of_units], self.weights)


@dataclass(frozen=True, eq=False)
class Chain:
    """A network that is linear layers in a row with functions φ of single numbers between them.

    Attributes:
        network: the whole of it; left as it is.
        first: its first linear layer.
        layers: all of its linear layers that may stand in such a row.
    """

    network: nn.Module
    first: nn.Linear
    layers: list[nn.Linear]

    def slopes(self, inputs: Tensor) -> Slopes | None:
        """The derivative, taken apart; ``None`` where these inputs don't go along such a row.

        This is tried for every input: with the graph cut at each linear layer, the vector–Jacobian product of what
        lies between has to be the product, number by number, of a random vector and the slopes.

        Args:
            inputs: shape ``[B, d...]``.
        """
        with _links(self.layers) as links:
            outputs = self.network(inputs)
            pieces = [(before.leaf, after.given) for before, after in pairwise(links)]
            if not pieces or links[0].layer is not self.first or outputs is not links[-1].output or outputs._version:
                return None
            if any(leaf.shape != given.shape or not given.requires_grad for leaf, given in pieces):
                return None
            weights = [link.weight for link in links[1:]]
            slopes = _products_between(pieces, [torch.ones_like(leaf) for leaf, _ in pieces])
            generator = torch.Generator().manual_seed(0)
            vectors = [_random_like(leaf, generator) for leaf, _ in pieces]
            products = _products_between(pieces, vectors)
        same = all(map(_agree, products, slopes, vectors))
        return Slopes(outputs.detach(), slopes, weights) if same else None


def chain(apart: Halves, inputs: Tensor) -> Chain | None:
    """The network as a chain, or ``None`` where it is none for a few of the inputs, which is found by trying.

    Args:
        apart: the network, taken apart behind its first linear layer.
        inputs: shape ``[n, d...]``.

    Example:
        >>> network = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2)).eval()
        >>> chain(halves(network, torch.ones(5, 4)), torch.ones(5, 4)) is None
        False
        >>> network = nn.Sequential(nn.Linear(4, 3), nn.LayerNorm(3), nn.Linear(3, 2)).eval()
        >>> chain(halves(network, torch.ones(5, 4)), torch.ones(5, 4)) is None
        True
    """
    with torch.inference_mode(False), torch.enable_grad():
        layers = [each for each in apart.network.modules() if type(each) is nn.Linear and "forward" not in vars(each)]
        tried = Chain(apart.network, apart.first, layers)
        try:
            return None if tried.slopes(inputs[:_LOOKED_AT].detach().clone()) is None else tried
        except Exception:  # what can't be cut
            return None


def _products_between(pieces: list[tuple[Tensor, Tensor]], vectors: list[Tensor]) -> list[Tensor]:
    """The vectors times the derivative of all that layers are fed with by all that layers return."""
    leaves, given = zip(*pieces, strict=True)
    found = torch.autograd.grad(given, leaves, vectors, retain_graph=True, allow_unused=True, materialize_grads=True)
    return list(found)


def _random_like(leaf: Tensor, generator: torch.Generator) -> Tensor:
    """[B, H], the same for each input, and another for each layer."""
    return torch.randn(leaf.shape[-1], generator=generator).to(leaf).expand_as(leaf)


def _agree(product: Tensor, slope: Tensor, vector: Tensor) -> bool:
    """Whether they differ by rounding only."""
    off, size = _largest(torch.addcmul(product, slope, vector, value=-1)), _largest(product)
    return bool(off <= min(32 * torch.finfo(slope.dtype).eps, 1e-4) * size)


def _largest(numbers: Tensor) -> Tensor:
    low, high = numbers.aminmax()
    return torch.maximum(high, -low)


class _Link(NamedTuple):
    layer: nn.Linear
    given: Tensor  # what the layer is fed with
    weight: Tensor
    leaf: Tensor  # what it computes, cut off from what it is fed with
    output: Tensor  # a copy, which may be written to


@contextmanager
def _links(layers: list[nn.Linear]) -> Iterator[list[_Link]]:
    """Cuts the graph at each linear layer, and collects the pieces in the order of the calls."""
    links: list[_Link] = []

    def forward(layer: nn.Linear, given: Tensor) -> Tensor:
        weight, bias = layer.weight.detach(), None if layer.bias is None else layer.bias.detach()
        leaf = linear(given.detach(), weight, bias).requires_grad_(True)
        links.append(_Link(layer, given, weight, leaf, leaf.clone()))
        return links[-1].output

    with ExitStack() as stack:
        for layer in layers:
            stack.enter_context(_calling(layer, partial(forward, layer)))
        yield links


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


def _returning(layer: nn.Linear, hidden: Tensor) -> AbstractContextManager[None]:
    """Lets a layer return ``hidden`` without computing anything; its hooks still see it."""
    return _calling(layer, lambda *_, **__: hidden)


@contextmanager
def _calling(layer: nn.Linear, forward: Callable[..., Tensor]) -> Iterator[None]:
    before = vars(layer).get("forward")
    layer.forward = forward  # type: ignore[method-assign]
    try:
        yield
    finally:
        if before is None:
            del layer.forward
        else:
            layer.forward = before  # type: ignore[method-assign]
