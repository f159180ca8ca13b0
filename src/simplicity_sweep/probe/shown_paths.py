"""A few paths whose labels are kept, for people to look at."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from simplicity_sweep.functional import labels_along_paths

_CHOSEN = 3
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class ShownPath:
    """What a network says along the straight path between two inputs.

    Attributes:
        start: true class of the first input.
        end: true class of the second.
        labels: predicted label at each point, both ends included; −1 where an output is not finite.
    """

    start: int
    end: int
    labels: list[int]


def shown_paths(
    network: nn.Module, inputs: Tensor, classes: Tensor, between: Sequence[Sequence[int]] | None, points: int
) -> list[ShownPath]:
    """One path for each pair of classes, between the first input of one and the first of the other.

    Args:
        network: maps [B, d...] to logits [B, C]; evaluated in eval mode, and left as it was.
        inputs: [n, d...].
        classes: true classes, [n].
        between: pairs of classes; one of a class that no input has is left out, saying so. None for up to three pairs
            of neighbours among the classes that there are.
        points: on each path.

    Example:
        >>> network = nn.Linear(1, 1, bias=False)
        >>> _ = nn.init.ones_(network.weight)
        >>> shown_paths(network, torch.tensor([[-3.0], [1.0]]), torch.tensor([0, 1]), [[0, 1]], points=5)
        [ShownPath(start=0, end=1, labels=[0, 0, 0, 0, 1])]
    """
    firsts = {int(label): int((classes == label).nonzero()[0]) for label in torch.unique(classes)}
    if between is None:
        between = list(pairwise(sorted(firsts)))[:_CHOSEN]
    pairs = [(start, end) for start, end in between if start in firsts and end in firsts]
    if left_out := [list(pair) for pair in between if tuple(pair) not in pairs]:
        _LOG.info("measure.paths_between: %s left out; the data has the classes %s.", left_out, sorted(firsts))
    if not pairs:
        return []
    device = next((parameter.device for parameter in network.parameters()), inputs.device)
    starts, ends = (inputs[[firsts[label] for label in labels]].to(device) for labels in zip(*pairs, strict=True))
    said = labels_along_paths(network, starts, ends, points).tolist()
    return [ShownPath(*pair, labels) for pair, labels in zip(pairs, said, strict=True)]
