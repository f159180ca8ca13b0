"""Where networks are observed: fixed points, the same for every network that is observed with one seed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch
from torch import Generator, Tensor

from simplicity_sweep.functional import labels as predicted_labels
from simplicity_sweep.functional import noisy_inputs, path_pairs
from simplicity_sweep.probe.answers import Answer

ELSEWHERE = ("train", "midpoint", "noise")
"""Points beside the test inputs themselves: training inputs, midpoints between pairs of test inputs, Gaussian noise."""


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
        inputs: [n, d...].
        labels: their true classes, [n], or targets, [n, k]; None where nobody knows them.
        probe: how much is drawn.
        seed: the same seed draws the same noise and pairs.
        answer: what a network says with its outputs; by default the predicted label.
    """

    def __init__(
        self, inputs: Tensor, labels: Tensor | None, probe: Probe, seed: int, answer: Answer = predicted_labels
    ) -> None:
        self.inputs = inputs
        self.labels = labels
        self.probe = probe
        self.seed = seed
        self.answer = answer

    @cached_property
    def noisy(self) -> list[Tensor]:
        """The inputs with noise added, [n, d...], once for each draw."""
        return list(noisy_inputs(self.inputs, self.generator(), self.probe.sigma, self.probe.draws))

    @cached_property
    def path_ends(self) -> tuple[Tensor, Tensor]:
        """Where paths start and where they end, each [paths, d...]; no paths among fewer than two inputs."""
        starts, ends = self._pairs(self.probe.paths).unbind(1)
        return starts, ends

    @cached_property
    def midpoints(self) -> Points:
        """The middles between pairs of inputs, each input in one pair at most; [n // 2, d...]."""
        return Points(self._pairs(len(self.inputs) // 2).mean(1), None, self.probe, self.seed, self.answer)

    @cached_property
    def pure_noise(self) -> Points:
        """As many inputs of nothing but noise, of mean 0 and standard deviation 1 in their own units; [n, d...]."""
        # Of a stream of their own: from that of `noisy` they would be the very numbers that are then added to them.
        generator = self.generator(stream=1)
        noise = torch.randn(self.inputs.shape, generator=generator, device=generator.device, dtype=self.inputs.dtype)
        return Points(noise, None, self.probe, self.seed, self.answer)

    def _pairs(self, count: int) -> Tensor:
        """Pairs of inputs, [count, 2, d...]; none among fewer than two."""
        if len(self.inputs) < 2:
            return self.inputs.new_empty(0, 2, *self.inputs.shape[1:])
        return self.inputs[path_pairs(len(self.inputs), count, self.generator())]

    def generator(self, stream: int = 0) -> Generator:
        """A new generator of this seed, where the inputs are; another `stream` gives unrelated numbers."""
        return Generator(self.inputs.device).manual_seed(self.seed + stream)


@lru_cache(maxsize=2)
def shared_points(
    inputs: Tensor, labels: Tensor | None, probe: Probe, seed: int, answer: Answer = predicted_labels
) -> Points:
    """Points among these inputs. Networks that are observed one after the other at the same points share them: to draw
    noise for every input costs more than to evaluate a small network there."""
    known = None if labels is None else labels[: probe.inputs]
    return Points(inputs[: probe.inputs], known, probe, seed, answer)
