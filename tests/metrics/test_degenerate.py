"""Dead and living networks, by hand."""

from __future__ import annotations

import math

import pytest
import torch

from simplicity_sweep.metrics import Degenerate

FIRST, SECOND = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
BROKEN = torch.tensor([[math.nan, 1.0]])


@pytest.mark.parametrize(
    ("batches", "dead"),
    [
        ([FIRST], 1),
        ([FIRST, FIRST], 1),
        ([SECOND, SECOND], 1),
        ([FIRST, SECOND], 0),
        ([SECOND, FIRST, FIRST], 0),
        ([BROKEN], 1),
        ([FIRST, SECOND, BROKEN], 1),
        ([BROKEN, FIRST, SECOND], 1),
        ([torch.zeros(0, 2), FIRST, SECOND], 0),
        ([torch.tensor([[1.0, 1.0]]), torch.tensor([[1.0, 1.0000001]])], 1),  # two labels, by rounding
        ([torch.tensor([[1.0, 1.0]]).double(), torch.tensor([[1.0, 1.0000001]]).double()], 0),
    ],
)
def test_one_label_an_output_that_is_not_finite_or_equal_outputs_are_dead(batches, dead):
    metric = Degenerate()
    for batch in batches:
        metric.update(batch)
    assert float(metric.compute()) == dead
    assert (metric.standard_error, metric.reason) == (None, None)


def test_one_output_has_two_labels():
    metric = Degenerate()
    metric.update(torch.tensor([[-1.0], [1.0]]))
    assert float(metric.compute()) == 0


@pytest.mark.parametrize(("preds", "error"), [(torch.zeros(3), ValueError), (torch.zeros(3, 2).long(), TypeError)])
def test_what_are_no_outputs_is_refused(preds, error):
    with pytest.raises(error, match="Expected argument `preds`"):
        Degenerate().update(preds)
