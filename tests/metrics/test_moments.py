"""Means and errors of parts against those of the whole, where sums of squares would cancel."""

from __future__ import annotations

import math
import statistics

import pytest
import torch

from simplicity_sweep.functional import mean_over_inputs, undefined
from simplicity_sweep.metrics.moments import mean_of, merged, no_moments, with_inputs_of


def of_parts(*parts: list[float]) -> torch.Tensor:
    moments = no_moments()
    for part in parts:
        moments = with_inputs_of(moments, mean_over_inputs(torch.tensor(part, dtype=torch.float64)))
    return moments


@pytest.mark.parametrize("shift", [0.0, 1e9])
def test_the_mean_and_error_of_parts_are_those_of_the_whole(shift):
    # By exact fractions. The squares of the shifted values differ in their 17th digit at the earliest: their sum minus
    # n · mean² would have no digit left.
    values = [shift + x for x in (0.25, 0.5, 0.125, 1.0, 0.75, 0.0)]
    estimate = mean_of(of_parts(values[:1], [], values[1:4], values[4:]))
    assert estimate.value == pytest.approx(statistics.fmean(values), rel=1e-15)
    assert estimate.standard_error == pytest.approx(statistics.stdev(values) / math.sqrt(6), rel=1e-6)


def test_merging_is_the_same_in_one_go_or_pair_by_pair():
    parts = [of_parts([1.0, 4.0]), of_parts([9.0]), no_moments(), of_parts([16.0, 25.0, 36.0])]
    pairwise = parts[0]
    for part in parts[1:]:
        pairwise = merged(torch.stack([pairwise, part]))
    torch.testing.assert_close(merged(torch.stack(parts)), pairwise, rtol=1e-15, atol=0)


def test_nothing_stays_nothing():
    assert torch.equal(merged(torch.stack([no_moments(), no_moments()])), no_moments())
    assert mean_of(no_moments()).reason == "no inputs"


def test_equal_values_have_an_error_of_zero():
    assert mean_of(of_parts([0.1] * 7, [0.1] * 5)).standard_error == pytest.approx(0, abs=1e-17)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_never_forgotten(bad):
    moments = of_parts([1.0, 2.0], [bad], [3.0])
    estimate = mean_of(merged(torch.stack([no_moments(), moments])))
    assert math.isnan(estimate.value)
    assert (estimate.reason, estimate.n) == ("non-finite outputs", 4)


def test_an_undefined_batch_counts_its_inputs():
    moments = with_inputs_of(of_parts([1.0]), undefined("non-finite outputs", n=3))
    assert mean_of(moments).n == 4
    assert math.isnan(mean_of(moments).value)
