"""Sequences whose parses are published or made by hand, and what is no sequence of labels."""

from __future__ import annotations

import math

import pytest
import torch

from simplicity_sweep.metrics import LempelZivComplexity
from tests.functional.oracles import lz76_by_definition, lz78_by_definition, lz_dcl_by_definition

# lz76, lz78 with its tail, lz_dcl: Lempel and Ziv 1976, Kaspar and Schuster 1987, and by brute force.
VECTORS = [
    ("0", 1, 1, 0),
    ("00", 2, 2, 1),
    ("01", 2, 2, 2),
    ("0" * 16, 2, 6, 4),
    ("0" * 15 + "1", 2, 6, 10),
    ("01" * 8, 3, 7, 12),
    ("0001101001000101", 6, 7, 24),
    ("1001111011000010", 6, 8, 26),
    ("0123456789" * 10, 11, 40, 73.082),
]


def symbols(string: str) -> torch.Tensor:
    return torch.tensor([int(symbol) for symbol in string])


@pytest.mark.parametrize(("string", "c76", "c78", "dcl"), VECTORS)
def test_published_sequences_in_batches(string, c76, c78, dcl):
    for measure, expected in {"lz76": c76, "lz78": c78, "lz_dcl": dcl}.items():
        metric = LempelZivComplexity(measure)
        for batch in symbols(string).split(3):
            metric.update(batch)
        assert float(metric.compute()) == pytest.approx(expected, abs=5e-4)


def test_random_sequences_are_parsed_as_the_definitions_say():
    generator = torch.Generator().manual_seed(0)
    for n in (2, 9, 40):
        sequence = torch.randint(3, (n,), generator=generator)
        for measure, definition in {
            "lz76": lz76_by_definition,
            "lz78": lz78_by_definition,
            "lz_dcl": lz_dcl_by_definition,
        }.items():
            metric = LempelZivComplexity(measure)
            metric.update(sequence[: n // 2])
            metric.update(sequence[n // 2 :])
            assert float(metric.compute()) == pytest.approx(definition(sequence.tolist()))


def test_a_rate_is_in_units_of_the_declared_alphabet():
    # Two components of four symbols: 2 · log2(4) / 4, and half of it where four symbols can occur.
    for alphabet, rate in {2: 1.0, 4: 0.5}.items():
        metric = LempelZivComplexity("lz76_rate", alphabet=alphabet)
        metric.update(torch.zeros(4, dtype=torch.int64))
        assert float(metric.compute()) == rate


def test_one_label_has_no_rate():
    metric = LempelZivComplexity("lz76_rate", alphabet=2)
    metric.update(torch.tensor([1]))
    assert math.isnan(metric.compute())
    assert "takes two" in metric.reason


def test_sorted_by_true_class_a_network_without_errors_has_one_component_more_than_classes():
    target = torch.arange(10).repeat(5)
    metric = LempelZivComplexity(order="true_class")
    for part in target.split(7):
        metric.update(torch.eye(10)[part], part)
    assert float(metric.compute()) == 11


def test_ties_in_the_true_class_keep_the_given_order():
    # Sorted: 0 1 of class 0 in their order, then 1 0 1 of class 1: 0 · 1 · 10 · 1.
    metric = LempelZivComplexity(order="true_class")
    metric.update(torch.tensor([1, 0, 0]), torch.tensor([1, 0, 1]))
    metric.update(torch.tensor([1, 1]), torch.tensor([0, 1]))
    assert float(metric.compute()) == 4


def test_the_order_of_the_batches_matters():
    # 0 · 001 · 11 against 1 · 0 · 1 1 …: by hand 00 0111 → 3, and 0111 00 → 0 · 1 · 110 · 0 → 4.
    head, tail = torch.tensor([0, 0]), torch.tensor([0, 1, 1, 1])
    values = []
    for batches in ((head, tail), (tail, head)):
        metric = LempelZivComplexity()
        for batch in batches:
            metric.update(batch)
        values.append(float(metric.compute()))
    assert values == [3, 4]


@pytest.mark.parametrize(
    "dtype", [torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint16]
)
def test_labels_of_any_integer_dtype(dtype):
    metric = LempelZivComplexity()
    metric.update(symbols("0001101001000101").to(dtype))
    assert float(metric.compute()) == 6


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_the_label_of_outputs_of_any_precision_is_the_place_of_the_largest(dtype):
    metric = LempelZivComplexity()
    metric.update(torch.eye(2, dtype=dtype)[symbols("0001101001000101")])
    assert float(metric.compute()) == 6


def test_one_output_is_a_label_by_its_sign():
    metric = LempelZivComplexity()
    metric.update(torch.tensor([[-1.0], [-1.0], [2.0], [-3.0]]))
    assert float(metric.compute()) == 3  # 0 · 01 · 0


def test_one_class_is_constant():
    metric = LempelZivComplexity()
    metric.update(torch.zeros(9, 1))
    assert float(metric.compute()) == 2


def test_a_target_that_the_given_order_does_not_need_is_not_looked_at():
    metric = LempelZivComplexity()
    metric.update(torch.tensor([0, 1]), torch.rand(3))
    assert float(metric.compute()) == 2


@pytest.mark.parametrize(
    "preds", [torch.tensor([[1.0, 0.0], [math.nan, 0.0]]), torch.tensor([[math.inf, 0.0]]), torch.tensor([3, -1])]
)
def test_outputs_that_are_not_finite_make_the_whole_undefined(preds):
    metric = LempelZivComplexity()
    metric.update(torch.tensor([0, 1, 1]))
    metric.update(preds)
    assert math.isnan(metric.compute())
    assert metric.reason == "non-finite outputs"


@pytest.mark.parametrize(
    ("preds", "target", "error"),
    [
        (torch.tensor(1), None, ValueError),
        (torch.tensor([0.0, 1.0]), None, ValueError),
        (torch.zeros(2, 3, dtype=torch.int64), None, ValueError),
        (torch.zeros(2, 3, 4), None, ValueError),
        (torch.zeros(2, 0), None, ValueError),
        (torch.zeros(2, dtype=torch.complex64), None, ValueError),
        (torch.tensor([0, 1]), None, ValueError),
        (torch.tensor([0, 1]), torch.tensor([0, 1, 1]), ValueError),
        (torch.tensor([0, 1]), torch.tensor([[0, 1]]), ValueError),
        (torch.tensor([0, 1]), torch.tensor([0.0, 1.0]), TypeError),
    ],
)
def test_what_is_no_label_is_refused_and_leaves_no_trace(preds, target, error):
    metric = LempelZivComplexity(order="true_class")
    metric.update(torch.tensor([1, 0, 1]), torch.tensor([1, 0, 1]))
    with pytest.raises(error, match=r"Expected argument `(preds|target)`"):
        metric.update(preds, target)
    metric.update(torch.tensor([0, 1]), torch.tensor([0, 1]))
    assert float(metric.compute()) == 3  # 0 · 01 · 11


@pytest.mark.parametrize(
    "arguments",
    [
        {"measure": "lz77"},
        {"measure": "LZ76"},
        {"order": "reversed"},
        {"measure": "lz76_rate"},
        {"measure": "lz76", "alphabet": 2},
        {"measure": "lz76_rate", "alphabet": 1},
    ],
)
def test_arguments_that_mean_nothing_are_refused(arguments):
    with pytest.raises(ValueError, match="Expected argument"):
        LempelZivComplexity(**arguments)


def test_more_labels_than_the_alphabet_are_refused():
    metric = LempelZivComplexity("lz76_rate", alphabet=2)
    metric.update(torch.tensor([0, 1, 2]))
    with pytest.raises(ValueError, match="`alphabet` to be at least 3"):
        metric.compute()
