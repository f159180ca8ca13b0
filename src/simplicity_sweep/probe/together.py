"""Many networks of one structure, observed in about as many operations as one: what a GPU needs to be kept busy."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from simplicity_sweep.functional import evaluating, path_points
from simplicity_sweep.probe.observation import Observation
from simplicity_sweep.probe.points import Points

_ROWS = 1 << 16  # inputs, and rows of Jacobians, that are computed at once: of 784 numbers each they take 0.2 GB


class Together:
    """Networks of one structure, each at points of its own; a tensor is computed for all of them when one is asked for.

    What is observed equals what each network's own `Observation` sees up to rounding, because products of stacked
    matrices sum in another order.

    Args:
        networks: equal by `structure_of`.
        points: one for each network.
    """

    def __init__(self, networks: Sequence[nn.Module], points: Sequence[Points]) -> None:
        self._networks, self._points = networks, points
        self._state: Any = stack_module_state(list(networks))
        self._device = points[0].inputs.device

    def observations(self) -> list[Observation]:
        """One for each network, in their order."""
        return [_OneOf(self, place) for place in range(len(self._networks))]

    @cached_property
    def logits(self) -> Tensor:
        """[networks, n, classes]."""
        return self._outputs([points.inputs for points in self._points])

    @cached_property
    def noisy_logits(self) -> Tensor:
        """[networks, draws, n, classes]."""
        draws = zip(*(points.noisy for points in self._points), strict=True)
        return torch.stack([self._outputs(noisy) for noisy in draws], dim=1)

    @cached_property
    def path_labels(self) -> Tensor:
        """[networks, paths, points], on the CPU: to copy labels costs less than to parse them on a GPU."""
        ends = [points.path_ends for points in self._points]
        count = self._points[0].probe.points
        several = max(1, _ROWS // (len(ends) * count))
        parts = []
        for first in range(0, len(ends[0][0]), several):
            part = slice(first, first + several)
            between = [path_points(starts[part], stops[part], count).flatten(0, 1) for starts, stops in ends]
            parts.append(self._points[0].answer(self._outputs(between)))
        return torch.cat(parts, dim=1).cpu().view(len(ends), -1, count)

    @cached_property
    def jacobian_gram(self) -> Tensor:
        """[networks, n, classes, classes]."""
        several = max(1, _ROWS // (self.logits.shape[0] * self.logits.shape[2]))
        with self._evaluating(), torch.enable_grad():
            parts = [self._gram(inputs) for inputs in _slices([p.inputs for p in self._points], several)]
        return torch.cat(parts, dim=1)

    def _gram(self, inputs: Tensor) -> Tensor:
        leaf = inputs.detach().clone().requires_grad_()
        columns = self._call(leaf).sum(dim=(0, 1)).unbind()  # neither networks nor inputs have to do with one another
        rows = torch.stack([torch.autograd.grad(c, leaf, retain_graph=True)[0] for c in columns], 2).flatten(3)
        return rows @ rows.transpose(2, 3)

    def _outputs(self, inputs: Sequence[Tensor]) -> Tensor:
        with self._evaluating(), torch.no_grad():
            several = max(1, _ROWS // len(inputs))
            return torch.cat([self._call(part) for part in _slices(inputs, several)], dim=1)

    def _call(self, inputs: Tensor) -> Tensor:
        """[networks, B, classes] from [networks, B, d...]."""
        params, buffers = ({name: value.detach() for name, value in state.items()} for state in self._state)
        outputs: Tensor = vmap(lambda p, b, x: functional_call(self._networks[0], (p, b), (x,)))(
            params, buffers, inputs
        )
        return outputs

    def _evaluating(self) -> Any:
        return evaluating(self._networks[0], self._device)


class _OneOf(Observation):
    """What is seen of one of several networks."""

    def __init__(self, together: Together, place: int) -> None:
        super().__init__(together._networks[place], together._points[place])
        self._together, self._place = together, place

    @cached_property
    def logits(self) -> Tensor:
        return self._together.logits[self._place]

    @cached_property
    def noisy_logits(self) -> Tensor:
        return self._together.noisy_logits[self._place]

    @cached_property
    def path_labels(self) -> Tensor:
        return self._together.path_labels[self._place]

    @cached_property
    def jacobian_gram(self) -> Tensor:
        return self._together.jacobian_gram[self._place]


def structure_of(network: nn.Module, points: Points) -> Hashable:
    """Equal for networks that can be observed together, at these points."""
    tensors = [*network.named_parameters(), *network.named_buffers()]
    state = tuple((name, tensor.shape, tensor.dtype, tensor.device) for name, tensor in tensors)
    return type(network), repr(network), state, points.inputs.shape, points.inputs.dtype, points.probe, points.answer


def _slices(inputs: Sequence[Tensor], several: int) -> Iterator[Tensor]:
    """[networks, several, d...], one after another."""
    return (torch.stack(parts) for parts in zip(*(torch.split(tensor, several) for tensor in inputs), strict=True))
