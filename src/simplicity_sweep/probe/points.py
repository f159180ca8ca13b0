"""Where networks are observed: fixed points, the same for every network that is observed with one seed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch
from torch import Generator, Tensor

from simplicity_sweep.functional import labels as predicted_labels
from simplicity_sweep.functional import noise_rows, noisy_inputs, path_pairs, with_noise
from simplicity_sweep.memory import free_bytes
from simplicity_sweep.probe.answers import Answer

ELSEWHERE = ("train", "midpoint", "noise")
"""Points beside the test inputs themselves: training inputs, midpoints between pairs of test inputs, Gaussian noise."""

_SHARE = 8  # what is made of inputs is kept for the networks to come if it takes no more than an eighth of what is free


@dataclass(frozen=True)
class Probe:
    """How much is observed, and how hard the network is pushed.

    Attributes:
        inputs: the first so many of the split; None takes all.
        paths: straight paths between pairs of inputs.
        points: points on each path, both ends included.
        draws: noise draws per input.
        sigma: standard deviation of the noise, in the inputs' own units.
        epsilon: largest change of an input's element in the worst case, in the inputs' own units.
        attack_steps: gradient steps with which the worst case is sought.
    """

    inputs: int | None
    paths: int
    points: int
    draws: int
    sigma: float
    epsilon: float = 0.1
    attack_steps: int = 10


class Points:
    """Inputs, the same with noise, and the ends of straight paths between them.

    Noise and pairs come from generators of their own, so that nobody else's random numbers change.

    Args:
        inputs: [n, d...], of which the probe may take only the first.
        labels: their true classes, [n], or targets, [n, k]; None where nobody knows them.
        probe: how many inputs count, and how much is drawn.
        seed: the same seed draws the same noise and pairs.
        answer: what a network says with its outputs; by default the predicted label.
        device: of the networks that are observed; by default where the inputs lie. Inputs that lie elsewhere, since
            they are many, go there part by part.
    """

    def __init__(
        self,
        inputs: Tensor,
        labels: Tensor | None,
        probe: Probe,
        seed: int,
        answer: Answer = predicted_labels,
        device: torch.device | None = None,
    ) -> None:
        self.device = inputs.device if device is None else device
        self.inputs = inputs[: probe.inputs]
        self.labels = None if labels is None else labels[: probe.inputs].to(self.device)
        self.probe = probe
        self.seed = seed
        self.answer = answer

    def parts(self, size: int) -> Iterator[Tensor]:
        """The inputs in their order, so many at a time, on `device`; a single empty part where there are none."""
        for first in range(0, max(1, len(self.inputs)), size):
            yield self.inputs[first : first + size].to(self.device)

    def noisy_parts(self, size: int) -> Iterator[Iterator[Tensor]]:
        """For each draw, which must be gone through before the next, what `parts` gives with noise added.

        The noise is made anew where that of all inputs would be too much to keep.

        Args:
            size: as many as noise is drawn for at once, `noise_rows`.
        """
        if "noisy" in vars(self) or self._has_room_for(len(self.inputs) * self.probe.draws):
            yield from (iter(torch.split(noisy, size)) for noisy in self.noisy)
            return
        generator, sigma = self.generator(), self.probe.sigma
        for _ in range(self.probe.draws):
            yield (with_noise(part, generator, sigma) for part in self.parts(size))

    @cached_property
    def noisy(self) -> list[Tensor]:
        """The inputs with noise added, [n, d...], once for each draw."""
        return list(noisy_inputs(self.inputs.to(self.device), self.generator(), self.probe.sigma, self.probe.draws))

    @cached_property
    def path_ends(self) -> tuple[Tensor, Tensor]:
        """Where paths start and where they end, each [paths, d...]; no paths among fewer than two inputs."""
        starts, ends = self._pairs(self.probe.paths).unbind(1)
        return starts, ends

    @cached_property
    def midpoints(self) -> Points:
        """The middles between pairs of inputs, each input in one pair at most; [n // 2, d...]."""
        count = len(self.inputs) // 2
        if not self._has_room_for(count):
            return _Midpoints(self, self._pair_indices(count))
        return Points(self._pairs(count).mean(1), None, self.probe, self.seed, self.answer)

    @cached_property
    def pure_noise(self) -> Points:
        """As many inputs of nothing but noise, of mean 0 and standard deviation 1 in their own units; [n, d...]."""
        # Of a stream of their own: from that of `noisy` they would be the very numbers that are then added to them.
        if not self._has_room_for(len(self.inputs)):
            return _PureNoise(self)
        noise = torch.cat(list(self.noise(noise_rows(self.inputs))))
        return Points(noise, None, self.probe, self.seed, self.answer)

    def noise(self, size: int) -> Iterator[Tensor]:
        """The inputs of `pure_noise`, so many at a time: as many as noise is drawn for at once."""
        generator = self.generator(stream=1)
        for first in range(0, max(1, len(self.inputs)), size):
            shape = (min(size, len(self.inputs) - first), *self.inputs.shape[1:])
            yield torch.randn(shape, generator=generator, device=generator.device, dtype=self.inputs.dtype)

    def _has_room_for(self, inputs: int) -> bool:
        """Whether so many inputs can be kept."""
        return inputs * self.inputs[:1].nbytes <= free_bytes(self.device) // _SHARE

    def _pairs(self, count: int) -> Tensor:
        """Pairs of inputs, [count, 2, d...]; none among fewer than two."""
        if len(self.inputs) < 2:
            return self.inputs.new_empty(0, 2, *self.inputs.shape[1:], device=self.device)
        return self.inputs[self._pair_indices(count)].to(self.device)

    def _pair_indices(self, count: int) -> Tensor:
        return path_pairs(len(self.inputs), count, self.generator()).to(self.inputs.device)

    def generator(self, stream: int = 0) -> Generator:
        """A new generator of this seed, where networks are observed; another `stream` gives unrelated numbers."""
        return Generator(self.device).manual_seed(self.seed + stream)


class _Midpoints(Points):
    """Midpoints of so many pairs that they are made when they are asked for."""

    def __init__(self, among: Points, pairs: Tensor) -> None:
        super().__init__(_like(among, len(pairs)), None, among.probe, among.seed, among.answer, among.device)
        self._among, self._indices = among.inputs, pairs

    def _has_room_for(self, inputs: int) -> bool:
        return False  # `inputs` are none that could be kept

    def parts(self, size: int) -> Iterator[Tensor]:
        for pairs in torch.split(self._indices, size):
            yield self._among[pairs].to(self.device).mean(1)


class _PureNoise(Points):
    """So many inputs of nothing but noise that they are made when they are asked for, always the same."""

    def __init__(self, among: Points) -> None:
        inputs = _like(among, len(among.inputs))
        super().__init__(inputs, None, among.probe, among.seed, among.answer, among.device)
        self._of = among

    def _has_room_for(self, inputs: int) -> bool:
        return False  # `inputs` are none that could be kept

    def parts(self, size: int) -> Iterator[Tensor]:
        drawn = self._of.noise(noise_rows(self.inputs))
        return regrouped(drawn, size)


def _like(points: Points, n: int) -> Tensor:
    """NaN in the shape of n inputs, in the memory of one number: for what is never all there at once."""
    return points.inputs.new_full((), torch.nan).expand(n, *points.inputs.shape[1:])


def regrouped(parts: Iterable[Tensor], size: int) -> Iterator[Tensor]:
    """The same rows, so many at a time.

    Example:
        >>> [len(part) for part in regrouped([torch.zeros(5), torch.zeros(2)], 3)]
        [3, 3, 1]
    """
    held: list[Tensor] = []
    for part in parts:
        held.append(part)
        while sum(map(len, held)) >= size:
            whole = torch.cat(held) if len(held) > 1 else held[0]
            yield whole[:size]
            held = [whole[size:]] if len(whole) > size else []
    if held:
        yield torch.cat(held)


shared_points = lru_cache(maxsize=2)(Points)
"""`Points`, but the same ones for the same arguments. Networks that are observed one after the other at the same points
share them: to draw noise for every input costs more than to evaluate a small network there."""
