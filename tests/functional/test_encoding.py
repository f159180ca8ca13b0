"""From outputs to sequences."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from simplicity_sweep.functional import (
    binarised,
    by_true_class,
    deflate_logits,
    degenerate,
    guan_bytes,
    labels,
    labels_along_paths,
    lz76_errors,
    lz76_labels,
    lz76_path,
    path_pairs,
    path_points,
)

LOGITS = torch.tensor([[2.0, 1.0], [0.0, 1.0], [3.0, -1.0], [0.5, 0.4]])


def test_a_label_is_the_place_of_the_largest_output():
    assert labels(LOGITS).tolist() == [0, 1, 0, 0]
    assert labels(torch.tensor([[0.3], [-0.1]])).tolist() == [1, 0]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_an_output_that_is_not_finite_has_no_label(bad):
    assert labels(torch.tensor([[bad, 1.0], [1.0, 0.0]])).tolist() == [-1, 0]


def test_the_order_of_the_true_classes_keeps_ties_in_place():
    assert by_true_class(torch.tensor([10, 11, 12, 13, 14]), torch.tensor([1, 0, 1, 0, 1])).tolist() == [
        11,
        13,
        10,
        12,
        14,
    ]


def test_binarised_is_one_sequence_a_class():
    assert binarised(LOGITS, 0.9).tolist() == [[1, 0, 1, 0], [1, 1, 0, 0]]


def test_a_path_has_both_its_ends_and_even_steps():
    points = path_points(torch.tensor([[0.0, 4.0]]), torch.tensor([[2.0, 0.0]]), points=5)
    assert points.tolist() == [[[0, 4], [0.5, 3], [1, 2], [1.5, 1], [2, 0]]]


@pytest.mark.parametrize(("n", "paths"), [(2, 1), (7, 3), (10, 40)])
def test_pairs_join_different_inputs_and_depend_on_the_seed_alone(n, paths):
    pairs = path_pairs(n, paths, torch.Generator().manual_seed(3))
    assert pairs.shape == (paths, 2)
    assert (pairs[:, 0] != pairs[:, 1]).all()
    assert pairs.min() >= 0
    assert pairs.max() < n
    assert torch.equal(pairs, path_pairs(n, paths, torch.Generator().manual_seed(3)))


def test_the_first_pairs_share_no_input():
    assert path_pairs(100, 50, torch.Generator().manual_seed(0)).unique().numel() == 100


def test_labels_along_paths_are_those_of_their_points():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 4))
    starts, ends = torch.randn(2, 6, 3) * 4
    found = labels_along_paths(network, starts, ends, points=9, batch=20)
    one_by_one = [
        [int(network(torch.lerp(s, e, t / 8)).argmax()) for t in range(9)] for s, e in zip(starts, ends, strict=True)
    ]
    assert found.tolist() == one_by_one


def test_a_path_that_crosses_one_border_has_three_components():
    # By hand: 0 · 00…01 · 11…, and 2 for a path that crosses none.
    network = nn.Linear(1, 2)
    network.weight.data = torch.tensor([[1.0], [-1.0]])
    network.bias.data.zero_()
    starts, ends = torch.tensor([[-1.0], [1.0]]), torch.tensor([[1.0], [2.0]])
    estimate = lz76_path(labels_along_paths(network, starts, ends, points=64))
    assert estimate.per_input.tolist() == [3, 2]
    assert estimate.value == 2.5
    assert estimate.standard_error == pytest.approx(0.5)


def test_labels_are_counted_in_the_given_order():
    assert lz76_labels(torch.eye(2)[[0, 1] * 8]).value == 3  # (01)^8
    assert lz76_labels(torch.eye(2)[[0] * 16]).value == 2


def test_a_perfect_network_has_one_component_of_errors_more_than_classes():
    truth = torch.arange(200) % 10
    assert lz76_errors(torch.eye(10)[truth], truth).value == 11


def test_guan_bytes_are_little_endian_float32_row_by_row():
    assert guan_bytes(torch.tensor([[1.0, -2.0]], dtype=torch.float64)) == bytes.fromhex("0000803f000000c0")


def test_constant_logits_compress_and_random_ones_do_not():
    random = torch.randn(1000, 10, generator=torch.Generator().manual_seed(0))
    assert deflate_logits(torch.zeros(1000, 10)).value < 100
    assert deflate_logits(random).value > 0.9 * 40_000


@pytest.mark.parametrize("measure", [lz76_labels, deflate_logits, lambda z: lz76_errors(z, torch.tensor([0, 1]))])
def test_outputs_that_are_not_finite_give_nan_with_a_reason(measure):
    estimate = measure(torch.tensor([[math.nan, 0.0], [1.0, 0.0]]))
    assert math.isnan(estimate.value)
    assert "finite" in estimate.reason


def test_a_path_through_outputs_that_are_not_finite_is_undefined():
    assert math.isnan(lz76_path(torch.tensor([[0, -1, 0]])).value)


@pytest.mark.parametrize(
    ("logits", "dead"),
    [
        (LOGITS, False),
        (torch.zeros(4, 3), True),
        (torch.tensor([[0.0, 1.0], [0.0, 9.0]]), True),
        (torch.tensor([[0.0, 1.0], [1.0, math.inf]]), True),
    ],
)
def test_a_network_that_says_one_thing_is_degenerate(logits, dead):
    assert bool(degenerate(logits).value) is dead


@pytest.mark.parametrize(
    "call",
    [
        lambda: path_pairs(1, 1, torch.Generator()),
        lambda: path_pairs(5, 0, torch.Generator()),
        lambda: path_points(torch.zeros(1, 2), torch.zeros(2, 2)),
        lambda: path_points(torch.zeros(1, 2), torch.zeros(1, 2), points=1),
        lambda: labels(torch.zeros(3, 0)),
        lambda: by_true_class(torch.zeros(3), torch.zeros(2)),
        lambda: binarised(torch.zeros(3)),
    ],
)
def test_what_does_not_fit_is_refused(call):
    with pytest.raises(ValueError, match="Expected argument"):
        call()
