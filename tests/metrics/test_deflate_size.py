"""The stream of all logits against zlib's own."""

from __future__ import annotations

import math
import struct
import zlib

import pytest
import torch

from simplicity_sweep.metrics import DeflateSize


def test_the_stream_is_that_of_all_logits_in_their_order():
    rows = [[0.5, -1.0, 3.25], [1e-3, 2.0, 0.0], [7.0, -0.0, 1e30], [4.0, 5.0, 6.0]]
    stream = zlib.compress(b"".join(struct.pack("<3f", *row) for row in rows), 6)
    metric = DeflateSize()
    for row in rows:
        metric.update(torch.tensor([row]))
    assert int(metric.compute()) == len(stream)


def test_other_precisions_are_written_as_float32():
    metric = DeflateSize()
    metric.update(torch.zeros(200, 10).half())
    metric.update(torch.zeros(50, 10).double())
    assert int(metric.compute()) == 33  # 10⁴ zero bytes


def test_logits_that_are_not_finite_make_it_undefined():
    metric = DeflateSize()
    metric.update(torch.tensor([[0.0, math.nan]]))
    metric.update(torch.zeros(3, 2))
    assert math.isnan(metric.compute())
    assert metric.reason == "non-finite outputs"


def test_rows_of_another_length_are_refused():
    metric = DeflateSize()
    metric.update(torch.zeros(3, 2))
    with pytest.raises(ValueError, match="same number of outputs"):
        metric.update(torch.zeros(3, 4))


@pytest.mark.parametrize(("preds", "error"), [(torch.zeros(3), ValueError), (torch.zeros(3, 2).long(), TypeError)])
def test_what_are_no_logits_is_refused(preds, error):
    with pytest.raises(error, match="Expected argument `preds`"):
        DeflateSize().update(preds)
