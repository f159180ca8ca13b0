"""The volume by which searches of several objectives are compared, by hand."""

from __future__ import annotations

import pytest

from simplicity_sweep.report.search.hypervolume import hypervolume


@pytest.mark.parametrize(
    ("losses", "worst", "volume"),
    [
        ([], [1, 1], 0),
        ([[3]], [5], 2),
        ([[0, 1], [1, 0]], [2, 2], 3),  # boxes of 2 × 1 and 1 × 2 share one of 1 × 1
        ([[0, 1], [1, 0], [1, 1]], [2, 2], 3),  # the third is dominated
        ([[0, 3]], [2, 2], 0),  # not better than the reference
        ([[0, 0, 1], [1, 1, 0]], [2, 2, 2], 5),  # 2 · 2 · 1 and 1 · 1 · 2 share 1 · 1 · 1
    ],
)
def test_the_volume_of_boxes(losses, worst, volume):
    assert hypervolume(losses, worst) == volume
