"""What is observed of a network at a measuring point; every tensor is computed once, when a measurement first asks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from torch import Generator, Tensor, nn

from simplicity_sweep.data import Split
from simplicity_sweep.functional import (
    jacobian_gram,
    labels_along_paths,
    noisy_outputs,
    outputs_of,
    path_pairs,
)


@dataclass(frozen=True)
class Probe:
    """How much is observed.

    Attributes:
        inputs: the first so many of the split; None takes all.
        paths: straight paths between pairs of inputs.
        points: points on each path, both ends included.
        draws: noise draws per input.
        sigma: standard deviation of the noise, in the inputs' own units.
    """

    inputs: int | None
    paths: int
    points: int
    draws: int
    sigma: float


class Observation:
    """The outputs of `network` on a split's probe inputs, under noise and along paths.

    The network is evaluated in eval mode and left as it was found; noise and pairs come from a generator of their own,
    so that observing changes nothing for the training. The same seed observes every network at the same points.
    """

    def __init__(self, network: nn.Module, split: Split, probe: Probe, seed: int) -> None:
        self.network = network
        self.inputs = split.inputs[: probe.inputs]
        self.labels = split.labels[: probe.inputs]
        self.probe = probe
        self.seed = seed

    def of(self, network: nn.Module) -> Observation:
        """The same observation of another network."""
        return Observation(network, Split(self.inputs, self.labels), self.probe, self.seed)

    @cached_property
    def logits(self) -> Tensor:
        """Outputs of the probe inputs, [n, classes]."""
        return outputs_of(self.network, self.inputs)

    @cached_property
    def probabilities(self) -> Tensor:
        """[n, classes]."""
        return self.logits.softmax(-1)

    @cached_property
    def noisy_logits(self) -> Tensor:
        """Outputs of the probe inputs with noise added, [draws, n, classes]."""
        return noisy_outputs(self.network, self.inputs, self._generator(), self.probe.sigma, self.probe.draws)

    @cached_property
    def noisy_probabilities(self) -> Tensor:
        """[draws, n, classes]."""
        return self.noisy_logits.softmax(-1)

    @cached_property
    def path_labels(self) -> Tensor:
        """Predicted labels along straight paths between pairs of probe inputs, [paths, points]."""
        starts, ends = self.inputs[path_pairs(len(self.inputs), self.probe.paths, self._generator())].unbind(1)
        return labels_along_paths(self.network, starts, ends, self.probe.points)

    @cached_property
    def jacobian_gram(self) -> Tensor:
        """J Jᵀ of the logits at each probe input, [n, classes, classes]."""
        return jacobian_gram(self.network, self.inputs)

    def _generator(self) -> Generator:
        return Generator(self.inputs.device).manual_seed(self.seed)
