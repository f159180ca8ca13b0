"""Null controls: what a complexity says where there is nothing to find.

A complexity that gives a trained network the value of a control measures the encoding, not the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call
from torch.nn.functional import one_hot

from simplicity_sweep.probe.observation import Observation, Undefined

CONTROLS = ("shuffled", "true_labels", "initial")


class Observed(Protocol):
    """What a measurement is given from: an `Observation`, or a control in its place."""

    @property
    def logits(self) -> Tensor:
        """[n, classes]."""

    @property
    def path_labels(self) -> Tensor:
        """[paths, points]."""

    @property
    def labels(self) -> Tensor:
        """[n]."""


class Shuffled:
    """The network's own outputs, given to the wrong inputs; along each path in a random order."""

    def __init__(self, observation: Observation) -> None:
        self._observation = observation

    @property
    def labels(self) -> Tensor:
        """[n], in their own order."""
        return self._observation.labels

    @property
    def logits(self) -> Tensor:
        """[n, classes], rows permuted."""
        logits = self._observation.logits
        return logits[torch.randperm(len(logits), generator=self._generator()).to(logits.device)]

    @property
    def outputs(self) -> Tensor:
        """[n, C], rows permuted: each has the noise's answer of another input beside it."""
        return self.logits

    @property
    def noisy_outputs(self) -> Tensor:
        """[draws, n, C], in their own order."""
        return self._observation.noisy_logits

    @property
    def bins(self) -> Tensor:
        """[n], permuted as the outputs."""
        return self._observation.points.answer(self.logits)

    @property
    def noisy_bins(self) -> Tensor:
        """[draws, n], in their own order."""
        return self._observation.noisy_bins

    @property
    def label_sets(self) -> Tensor:
        """[n], permuted as the outputs."""
        return self.bins

    @property
    def noisy_label_sets(self) -> Tensor:
        """[draws, n], in their own order."""
        return self._observation.noisy_bins

    @property
    def path_labels(self) -> Tensor:
        """[paths, points], each row permuted by itself."""
        labels = self._observation.path_labels
        keys = torch.rand(labels.shape, generator=self._generator())
        return labels.gather(1, keys.argsort(1).to(labels.device))

    def _generator(self) -> Generator:
        return Generator().manual_seed(self._observation.points.seed)


class TrueLabels:
    """The answers of a network that is always right and equally sure."""

    def __init__(self, observation: Observation) -> None:
        self.labels = observation.labels
        self._classes = observation.logits.shape[1]

    @property
    def logits(self) -> Tensor:
        """[n, classes], 1 for the true class and 0 for the others; a single logit, of two classes, is that of 1."""
        if self._classes == 1:
            return self.labels[:, None].float()
        return one_hot(self.labels, self._classes).float()

    @property
    def path_labels(self) -> Tensor:
        """Nobody knows the true answers between the inputs."""
        raise Undefined("there are no true labels between the inputs")


class AtState(nn.Module):
    """A network as it was, beside the network as it is: the same module computing with other tensors.

    Args:
        network: any module; left as it is.
        state: its parameters and buffers at the earlier time.
    """

    def __init__(self, network: nn.Module, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.network = network
        self.state = dict(state)

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = functional_call(self.network, self.state, (inputs,))
        return outputs


def control(name: str, observation: Observation, initial: Mapping[str, Tensor]) -> Observed:
    """What the control `name`, one of `CONTROLS`, puts in the place of an observation.

    Args:
        name: which.
        observation: of the trained network.
        initial: the network's parameters and buffers before training; empty if nobody saw them.

    Raises:
        Undefined: the network at initialisation is asked for, and nobody saw it.
    """
    if name == "shuffled":
        return Shuffled(observation)
    if name == "true_labels":
        return TrueLabels(observation)
    if not initial:
        raise Undefined("the network was not seen before it was trained")
    return Observation(AtState(observation.network, initial), observation.points)
