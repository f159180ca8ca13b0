"""Mean complexities of paths whose parses are made by hand."""

from __future__ import annotations

import math

import pytest
import torch

from simplicity_sweep.metrics import PathComplexity
from tests.functional.oracles import lz76_by_definition


def test_the_mean_and_its_error_by_hand():
    # 0 · 000 → 2, 0 · 01 · 1 → 3, 0 · 1 · 2 · 3 → 4: mean 3, standard deviation 1.
    metric = PathComplexity()
    metric.update(torch.tensor([[0, 0, 0, 0], [0, 0, 1, 1]]))
    metric.update(torch.tensor([[0, 1, 2, 3]]))
    assert float(metric.compute()) == 3
    assert metric.standard_error == pytest.approx(1 / math.sqrt(3), rel=1e-15)


def test_paths_are_parsed_as_the_definition_says():
    paths = torch.randint(3, (40, 24), generator=torch.Generator().manual_seed(0))
    counts = torch.tensor([lz76_by_definition(path) for path in paths.tolist()], dtype=torch.float64)
    metric = PathComplexity()
    for part in paths.split([1, 30, 9]):
        metric.update(part)
    assert float(metric.compute()) == pytest.approx(float(counts.mean()), rel=1e-14)
    assert metric.standard_error == pytest.approx(float(counts.std() / math.sqrt(40)), rel=1e-12)


def test_the_order_of_the_paths_does_not_matter():
    paths = torch.randint(3, (20, 16), generator=torch.Generator().manual_seed(0))
    there, back = PathComplexity(), PathComplexity()
    for path in paths.split(1):
        there.update(path)
    for path in reversed(paths.split(1)):
        back.update(path)
    assert float(there.compute()) == pytest.approx(float(back.compute()), rel=1e-14)
    assert there.standard_error == pytest.approx(back.standard_error, rel=1e-12)


def test_paths_of_one_point_have_one_component():
    metric = PathComplexity()
    metric.update(torch.tensor([[3], [4]]))
    assert (float(metric.compute()), metric.standard_error) == (1, 0)


def test_one_path_has_no_standard_error():
    metric = PathComplexity()
    metric.update(torch.tensor([[0, 0, 0]]))
    assert (float(metric.compute()), metric.standard_error) == (2, None)


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int16, torch.int32])
def test_labels_of_any_integer_dtype(dtype):
    metric = PathComplexity()
    metric.update(torch.tensor([[0, 1, 0, 1, 0, 1]]).to(dtype))
    assert float(metric.compute()) == 3


def test_one_output_that_is_not_finite_makes_the_mean_undefined():
    metric = PathComplexity()
    metric.update(torch.tensor([[0, 1]]))
    metric.update(torch.tensor([[0, -1]]))
    metric.update(torch.tensor([[0, 1]]))
    assert math.isnan(metric.compute())
    assert metric.reason == "non-finite outputs on the paths"
    assert metric.standard_error is None


@pytest.mark.parametrize(
    ("labels", "error"),
    [(torch.tensor([0, 1]), ValueError), (torch.zeros(1, 2, 3).long(), ValueError), (torch.zeros(2, 3), TypeError)],
)
def test_what_is_no_batch_of_paths_is_refused(labels, error):
    with pytest.raises(error, match="Expected argument"):
        PathComplexity().update(labels)
