"""What is observed of a network at fixed points; every tensor is computed once, when a measurement first asks."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property, partial

import torch
from torch import Tensor, nn

from simplicity_sweep.functional import (
    fgsm,
    jacobian_gram,
    labels_along_paths,
    noise_rows,
    outputs_of,
    pgd,
    rows_at_once,
    rows_in_memory,
)
from simplicity_sweep.probe.points import Points, regrouped

_ATTACKED = 1000  # inputs at once
_DIFFERENTIATED = 2000  # a multiple of what `jacobian_gram` differentiates at once in any network


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
        return self._outputs(self.points.parts(self._rows))

    @cached_property
    def probabilities(self) -> Tensor:
        """[n, classes]."""
        return self.logits.softmax(-1)

    @cached_property
    def noisy_logits(self) -> Tensor:
        """Outputs of the inputs with noise added, [draws, n, classes]."""
        return self._disturbed(self.points.noisy_parts(self._rows))

    @cached_property
    def noisy_probabilities(self) -> Tensor:
        """[draws, n, classes]."""
        return self.noisy_logits.softmax(-1)

    @cached_property
    def attacked_logits(self) -> Tensor:
        """Outputs where FGSM and PGD look for another label than the predicted one, [2, n, classes]."""
        probe, batch = self.points.probe, rows_at_once(self.points.inputs, _ATTACKED)
        attacks = (
            partial(fgsm, self.network, epsilon=probe.epsilon, batch=batch),
            partial(pgd, self.network, epsilon=probe.epsilon, steps=probe.attack_steps, batch=batch),
        )
        size = rows_in_memory(self.points.inputs, batch)
        return self._disturbed(regrouped(map(attack, self.points.parts(size)), self._rows) for attack in attacks)

    @cached_property
    def path_labels(self) -> Tensor:
        """Predicted labels, or the symbols of other answers, along straight paths between inputs, [paths, points]."""
        points = self.points
        batch = rows_at_once(points.inputs)
        return labels_along_paths(self.network, *points.path_ends, points.probe.points, batch, points.answer)

    @cached_property
    def jacobian_gram(self) -> Tensor:
        """J Jᵀ of the logits at each input, [n, classes, classes]."""
        parts = self.points.parts(rows_in_memory(self.points.inputs, _DIFFERENTIATED))
        return torch.cat([jacobian_gram(self.network, part) for part in parts])

    @property
    def _rows(self) -> int:
        """How many inputs are in memory at once, where they are not all."""
        return noise_rows(self.points.inputs)

    def _outputs(self, parts: Iterable[Tensor]) -> Tensor:
        return torch.cat([outputs_of(self.network, part) for part in parts])

    def _disturbed(self, disturbed: Iterable[Iterable[Tensor]]) -> Tensor:
        try:
            return torch.stack([self._outputs(parts) for parts in disturbed])
        except Exception as error:
            error.add_note("raised by the network on disturbed inputs")
            raise
