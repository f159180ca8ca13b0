"""Norms of Jacobians that are known: of linear maps, and by torch's own derivatives."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.func import jacrev, vmap

from simplicity_sweep.functional import jacobian_gram, outputs_of
from simplicity_sweep.metrics import JacobianNorm


def test_the_norms_are_those_of_the_exact_jacobians():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3)).double()
    inputs = torch.randn(7, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    spaces = {"logits": network, "probabilities": lambda x: network(x).softmax(-1)}
    for space, function in spaces.items():
        exact = vmap(jacrev(function))(inputs).detach().norm(dim=(1, 2))
        metric = JacobianNorm(space)
        for part in inputs.split(3):
            metric.update(jacobian_gram(network, part), outputs_of(network, part).softmax(-1))
        assert float(metric.compute()) == pytest.approx(float(exact.mean()), rel=1e-8)
        assert metric.standard_error == pytest.approx(float(exact.std() / math.sqrt(7)), rel=1e-8)


def test_logits_need_no_probabilities():
    metric = JacobianNorm()
    metric.update(torch.tensor([[[16.0, 0.0], [0.0, 9.0]]]))
    assert (float(metric.compute()), metric.standard_error) == (5, None)


def test_a_constant_network_has_a_norm_of_zero():
    metric = JacobianNorm("probabilities")
    metric.update(torch.zeros(4, 2, 2), torch.full((4, 2), 0.5))
    assert (float(metric.compute()), metric.reason) == (0, None)


def test_a_jacobian_that_is_not_finite_makes_the_mean_undefined():
    metric = JacobianNorm()
    metric.update(torch.eye(2)[None])
    metric.update(torch.full((1, 2, 2), math.inf))
    assert math.isnan(metric.compute())
    assert metric.reason == "non-finite outputs"


def test_probabilities_that_are_missing_are_refused():
    with pytest.raises(ValueError, match="`probabilities` to be the softmax"):
        JacobianNorm("probabilities").update(torch.eye(2)[None])


@pytest.mark.parametrize(
    ("gram", "probabilities"),
    [
        (torch.eye(2), torch.ones(2, 2)),
        (torch.ones(1, 2, 3), torch.ones(1, 2)),
        (torch.ones(1, 2, 2), torch.ones(2, 2)),
    ],
)
def test_shapes_that_do_not_fit_are_refused(gram, probabilities):
    with pytest.raises(ValueError, match="Expected argument"):
        JacobianNorm("probabilities").update(gram, probabilities)


def test_unknown_spaces_are_refused():
    with pytest.raises(ValueError, match=r"`space` to be one of \['logits', 'probabilities'\], but got 'labels'"):
        JacobianNorm("labels")
