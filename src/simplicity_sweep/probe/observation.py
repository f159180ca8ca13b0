"""What is observed of a network at fixed points; every tensor is computed once, when a measurement first asks."""

from __future__ import annotations

from functools import cached_property

from torch import Tensor, nn

from simplicity_sweep.functional import (
    disturbed_outputs,
    fgsm,
    jacobian_gram,
    labels_along_paths,
    outputs_of,
    pgd,
)
from simplicity_sweep.probe.points import Points


class Undefined(Exception):
    """Something that does not exist here, such as true labels between the inputs; the text says why."""


class Observation:
    """The outputs of `network` at `points`, under noise, along paths, and where it is attacked.

    The network is evaluated in eval mode and left as it was found, so that observing changes nothing for the training.

    Args:
        network: maps [B, d...] to logits [B, classes].
        points: where it is observed.
    """

    def __init__(self, network: nn.Module, points: Points) -> None:
        self.network = network
        self.points = points

    @property
    def outputs(self) -> Tensor:
        """[n, C]: what are called logits where there are classes."""
        return self.logits

    @property
    def noisy_outputs(self) -> Tensor:
        """[draws, n, C]."""
        return self.noisy_logits

    @property
    def bins(self) -> Tensor:
        """Which bins the outputs lie in, as a symbol, [n]."""
        return self.points.answer(self.logits)

    @property
    def noisy_bins(self) -> Tensor:
        """[draws, n]."""
        return self.points.answer(self.noisy_logits)

    @property
    def label_sets(self) -> Tensor:
        """The set of predicted labels, as a symbol, [n]."""
        return self.points.answer(self.logits)

    @property
    def noisy_label_sets(self) -> Tensor:
        """[draws, n]."""
        return self.points.answer(self.noisy_logits)

    @property
    def labels(self) -> Tensor:
        """True classes, [n].

        Raises:
            Undefined: nobody knows them.
        """
        if self.points.labels is None:
            raise Undefined("there are no true labels at these points")
        return self.points.labels

    @cached_property
    def logits(self) -> Tensor:
        """[n, classes]."""
        return outputs_of(self.network, self.points.inputs)

    @cached_property
    def probabilities(self) -> Tensor:
        """[n, classes]."""
        return self.logits.softmax(-1)

    @cached_property
    def noisy_logits(self) -> Tensor:
        """Outputs of the inputs with noise added, [draws, n, classes]."""
        return disturbed_outputs(self.network, self.points.noisy)

    @cached_property
    def noisy_probabilities(self) -> Tensor:
        """[draws, n, classes]."""
        return self.noisy_logits.softmax(-1)

    @cached_property
    def attacked_logits(self) -> Tensor:
        """Outputs where FGSM and PGD look for another label than the predicted one, [2, n, classes]."""
        inputs, probe = self.points.inputs, self.points.probe
        attacks = (
            fgsm(self.network, inputs, probe.epsilon),
            pgd(self.network, inputs, probe.epsilon, probe.attack_steps),
        )
        return disturbed_outputs(self.network, attacks)

    @cached_property
    def path_labels(self) -> Tensor:
        """Predicted labels, or the symbols of other answers, along straight paths between inputs, [paths, points]."""
        points = self.points
        return labels_along_paths(self.network, *points.path_ends, points.probe.points, answer=points.answer)

    @cached_property
    def jacobian_gram(self) -> Tensor:
        """J Jᵀ of the logits at each input, [n, classes, classes]."""
        return jacobian_gram(self.network, self.points.inputs)
