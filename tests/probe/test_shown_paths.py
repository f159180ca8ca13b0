"""Which paths are shown: those that are asked for, else some between the classes that there are."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from simplicity_sweep.probe.shown_paths import shown_paths


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        ([0, 1, 1], [(0, 1)]),
        ([4, 0, 2], [(0, 2), (2, 4)]),
        ([4, 3, 2, 1, 0], [(0, 1), (1, 2), (2, 3)]),
        ([1, 1], []),
    ],
)
def test_without_a_choice_neighbours_among_the_classes_are_shown(classes, expected):
    inputs = torch.arange(len(classes), dtype=torch.float32)[:, None]
    shown = shown_paths(nn.Linear(1, 5), inputs, torch.tensor(classes), None, points=4)
    assert [(path.start, path.end) for path in shown] == expected
