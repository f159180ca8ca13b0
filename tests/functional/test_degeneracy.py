"""Dead and living networks, by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from simplicity_sweep.functional import degenerate, distinct_predictions, noise_relative, output_spread, outputs_of

EYE = torch.eye(3)
ULP = torch.finfo(torch.float32).eps


@pytest.mark.parametrize(
    ("logits", "dead"),
    [
        (EYE, 0),
        (torch.zeros(4, 3), 1),
        (torch.tensor([[0.0, 1.0], [0.0, 9.0]]), 1),  # one label, though the logits move
        (torch.tensor([[0.0, 1.0], [1.0, math.inf]]), 1),
        (torch.tensor([[math.nan, 1.0], [1.0, 0.0], [0.0, 1.0]]), 1),
        (torch.tensor([[-1.0], [1.0]]), 0),  # one logit, two labels
        (torch.tensor([[2.0], [1.0]]), 1),
        (torch.tensor([[0.0], [math.nan]]), 1),
        (torch.tensor([[1.0, 0.0]]), 1),  # one input
        (torch.eye(2, dtype=torch.float64), 0),
        (torch.eye(2, dtype=torch.bfloat16), 0),
        (torch.eye(2, dtype=torch.int64), 0),
    ],
)
def test_one_label_or_an_output_that_is_not_finite_is_dead(logits, dead):
    assert degenerate(logits).value == dead
    assert (degenerate(logits).standard_error, degenerate(logits).n) == (None, len(logits))


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_labels_that_rounding_alone_tells_apart_are_dead_at_any_scale(scale):
    tied = scale * torch.tensor([[1.0, 1.0 + ULP], [1.0, 1.0]])
    assert distinct_predictions(tied) == 2
    assert degenerate(tied).value == 1


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_labels_that_more_than_rounding_tells_apart_are_alive_at_any_scale(scale):
    # The spread is half of 100 ULP, the rounding allowed 8 ULP of a norm of √2.
    assert degenerate(scale * torch.tensor([[1.0, 1.0 + 100 * ULP], [1.0, 1.0]])).value == 0


def test_a_dead_network_whose_logits_are_tied_is_dead_whatever_rounding_does_in_a_batch():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(20, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1))
    nn.init.zeros_(network[0].weight)
    logit = outputs_of(network, torch.randn(1003, 20))
    assert degenerate(torch.cat([logit, logit.roll(1, 0)], dim=1)).value == 1


@pytest.mark.parametrize("logits", [torch.ones(5, 3), 1 + ULP * EYE, EYE, 1 + 100 * ULP * EYE])
def test_logits_of_several_labels_are_constant_exactly_where_noise_has_nothing_to_be_compared_with(logits):
    constant = noise_relative(logits, logits[None]).reason is not None
    assert bool(degenerate(logits)) is (constant or distinct_predictions(logits) < 2)


def test_the_distinct_labels_and_the_spread_can_be_had_by_themselves():
    logits = torch.tensor([[0.0, 0.0], [6.0, 8.0]])
    assert distinct_predictions(logits) == 2
    assert output_spread(logits).value == 5  # each is half of the distance of 10 away from the mean


def test_an_output_that_is_not_finite_predicts_nothing():
    assert distinct_predictions(torch.tensor([[math.nan, 1.0], [0.0, 1.0]])) == 1


def test_without_inputs_nobody_knows():
    assert degenerate(torch.zeros(0, 3)).reason == "no inputs"


@pytest.mark.parametrize("logits", [torch.zeros(3), torch.zeros(2, 3, 4), torch.zeros(2, 0)])
def test_what_are_no_logits_is_refused(logits):
    with pytest.raises(ValueError, match=r"shape \[(n|...), C\]"):
        degenerate(logits)
