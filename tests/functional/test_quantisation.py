"""Outputs that are numbers become symbols: bins whose edges come from the training targets alone."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from simplicity_sweep.functional import change_rate, degenerate_outputs, lz76_path, quantile_edges, quantised


def test_an_edge_belongs_to_the_bin_below_it():
    outputs = torch.tensor([[-1.0], [0.0], [0.1], [1.0], [1.1]])
    assert quantised(outputs, [[0.0, 1.0]]).tolist() == [0, 0, 1, 1, 2]


def test_each_combination_of_bins_has_a_symbol_of_its_own():
    edges = [[0.0, 1.0], [0.0], [0.0, 1.0, 2.0]]
    outputs = torch.tensor(list(product([-0.5, 0.5, 1.5], [-0.5, 0.5], [-0.5, 0.5, 1.5, 2.5])))
    assert sorted(quantised(outputs, edges).tolist()) == list(range(24))  # 3 · 2 · 4


def test_symbols_of_very_many_outputs_are_told_apart_and_never_minus_one():
    outputs = torch.randn(4096, 40, generator=torch.Generator().manual_seed(0))  # 8⁴⁰ combinations
    edges = [np.linspace(-1, 1, 7).tolist()] * 40
    symbols = quantised(outputs, edges)
    rows = torch.stack([torch.bucketize(outputs[:, j].contiguous(), torch.tensor(edges[j])) for j in range(40)], 1)
    assert len(symbols.unique()) == len(rows.unique(dim=0))
    assert int(symbols.min()) >= 0
    for j in range(40):  # a change of any one output is seen
        other = outputs.clone()
        other[:, j] += 10
        assert bool((quantised(other, edges) != symbols).any())


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_has_no_bin(value):
    assert quantised(torch.tensor([[0.0, value], [0.0, 0.0]]), [[0.0], [0.0]]).tolist() == [-1, 0]


def test_outputs_and_edges_must_be_as_many():
    with pytest.raises(ValueError, match=r"\[\.\.\., 2\].*got \[3, 1\]"):
        quantised(torch.zeros(3, 1), [[0.0], [0.0]])


def test_edges_are_the_quantiles_that_numpy_has():
    targets = torch.randn(1001, 2, generator=torch.Generator().manual_seed(3))
    expected = np.quantile(targets.double().numpy(), np.arange(1, 8) / 8, axis=0).T
    np.testing.assert_allclose(quantile_edges(targets, 8), expected, rtol=1e-12)


def test_bins_hold_equal_shares_of_the_targets():
    targets = torch.randn(8000, 1, generator=torch.Generator().manual_seed(3))
    counts = quantised(targets, quantile_edges(targets, 8)).bincount()
    assert counts.tolist() == [1000] * 8


def test_a_target_of_few_values_has_fewer_bins():
    # By hand: of 0 0 0 1 the quartiles are 0, 0 and 0.25.
    assert quantile_edges(torch.tensor([[0.0], [0.0], [0.0], [1.0]]), 4) == ((0.0, 0.25),)


@pytest.mark.parametrize(("targets", "bins"), [(torch.zeros(0, 1), 8), (torch.zeros(3), 8), (torch.zeros(3, 1), 1)])
def test_no_target_and_one_bin_are_refused(targets, bins):
    with pytest.raises(ValueError, match="Expected argument"):
        quantile_edges(targets, bins)


def test_a_path_through_the_bins_has_the_complexity_of_its_symbols():
    # By hand: 0 0 0 0 parses as 0 · 000, 2; 0 0 1 1 2 2 as 0 · 01 · 12 · 2, 4.
    edges = [[0.0, 1.0]]
    constant = quantised(torch.full((1, 4, 1), -1.0), edges)
    rising = quantised(torch.tensor([-2.0, -1, 0.5, 0.6, 2, 3])[None, :, None], edges)
    assert lz76_path(constant).value == 2
    assert lz76_path(rising).value == 4


def test_the_change_rate_counts_inputs_whose_symbol_changes():
    # By hand: of two draws on two inputs one differs.
    found = change_rate(torch.tensor([3, 5]), torch.tensor([[3, 4], [3, 5]]))
    assert found.value == 0.25
    assert found.n == 2


def test_a_change_rate_with_an_output_that_is_not_finite_is_undefined():
    assert change_rate(torch.tensor([-1, 5]), torch.tensor([[3, 4]])).reason == "non-finite outputs"


def test_a_change_rate_needs_a_draw_for_every_input():
    with pytest.raises(ValueError, match=r"\[draws, n\]"):
        change_rate(torch.tensor([1, 2]), torch.tensor([1, 2]))


@pytest.mark.parametrize(
    ("outputs", "dead"),
    [
        (torch.tensor([[1.0], [2.0]]), 0),
        (torch.ones(5, 3), 1),
        (torch.tensor([[1.0], [float("inf")]]), 1),
        (torch.tensor([[1.0, 7.0], [1.0, 7.0000005]]), 1),  # one unit in the last place
    ],
)
def test_a_network_of_numbers_is_dead_where_its_outputs_are_constant_or_not_finite(outputs, dead):
    assert degenerate_outputs(outputs).value == dead
