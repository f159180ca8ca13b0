"""Sensitivities by hand, and what can be kept of batches that differ."""

from __future__ import annotations

import math

import pytest
import torch

from simplicity_sweep.functional import noise_relative
from simplicity_sweep.metrics import Sensitivity

KINDS = ("noise_l2", "noise_relative", "flip_rate")


def test_noise_l2_is_the_mean_length_of_what_moved():
    # Draws (3, 4) and (0, 1) of the first input, (0, 0) and (6, 8) of the second: 3 and 5 by input.
    outputs = torch.tensor([[1.0, 1.0], [2.0, 2.0]])
    moved = torch.tensor([[[3.0, 4.0], [0.0, 0.0]], [[0.0, 1.0], [6.0, 8.0]]])
    metric = Sensitivity("noise_l2")
    for i in range(2):
        metric.update(outputs[i : i + 1], (outputs + moved)[:, i : i + 1])
    assert float(metric.compute()) == 4
    assert metric.standard_error == pytest.approx(1, rel=1e-15)  # √2 / √2


def test_flips_are_counted_over_draws_and_inputs():
    metric = Sensitivity("flip_rate")
    metric.update(torch.tensor([[1.0, 0.0]]), torch.tensor([[[0.0, 1.0]], [[1.0, 0.0]]]))
    metric.update(torch.tensor([[0.0, 1.0]]), torch.tensor([[[0.0, 1.0]], [[0.0, 1.0]]]))
    assert float(metric.compute()) == 0.25


def test_relative_noise_is_in_units_of_the_spread_of_all_batches():
    # The outputs 0 and 2 lie 1 from their mean, and move by 0.5; each batch alone has no spread.
    metric = Sensitivity("noise_relative")
    alone = [metric(torch.tensor([[x]]), torch.tensor([[x + 0.5]])) for x in (0.0, 2.0)]
    assert float(metric.compute()) == 0.5
    assert all(math.isnan(value) for value in alone)


def test_in_the_space_of_probabilities_the_softmax_of_the_logits_moves():
    # (ln 3, 0) has the probabilities 3/4, 1/4; (0, 0) has 1/2, 1/2: a distance of √2 / 4.
    metric = Sensitivity("noise_l2", space="probabilities")
    metric.update(torch.tensor([[math.log(3), 0.0]]), torch.zeros(1, 2))
    assert float(metric.compute()) == pytest.approx(math.sqrt(2) / 4, rel=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("space", ["logits", "probabilities"])
def test_a_single_draw_needs_no_axis(kind, space):
    outputs = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    noisy = outputs.flip(0)
    one, other = Sensitivity(kind, space), Sensitivity(kind, space)
    one.update(outputs, noisy)
    other.update(outputs, noisy[None])
    assert float(one.compute()) == float(other.compute())
    assert one.standard_error == other.standard_error


@pytest.mark.parametrize("kind", KINDS)
def test_half_precision_outputs_are_measured_as_the_numbers_that_they_are(kind):
    outputs = torch.randn(9, 3, generator=torch.Generator().manual_seed(0)).half()
    noisy = (outputs + 0.5 * outputs.flip(0)).half()
    half, double = Sensitivity(kind), Sensitivity(kind)
    for rows in (slice(0, 4), slice(4, 9)):
        half.update(outputs[rows], noisy[rows])
        double.update(outputs[rows].double(), noisy[rows].double())
    assert float(half.compute()) == float(double.compute()) > 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_outputs_that_are_constant_up_to_their_rounding_have_no_relative_noise(dtype):
    epsilon = torch.finfo(dtype).eps
    outputs = torch.tensor([[1.0], [1.0 + epsilon]], dtype=dtype)
    metric = Sensitivity("noise_relative")
    metric.update(outputs[:1], outputs[:1] + 1)
    metric.update(outputs[1:], outputs[1:] + 1)
    assert math.isnan(metric.compute())
    assert "constant" in metric.reason


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_one_output_that_is_not_finite_makes_the_whole_undefined(kind, bad):
    outputs = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    for spoiled in (0, 1):
        metric = Sensitivity(kind)
        pair = [torch.tensor([[0.0, 3.0]]), torch.tensor([[2.0, 0.0]])]
        pair[spoiled] = torch.tensor([[bad, 0.0]])
        metric.update(outputs, outputs)
        metric.update(*pair)
        metric.update(outputs, outputs)
        assert math.isnan(metric.compute())
        assert metric.reason == "non-finite outputs"


@pytest.mark.parametrize("kind", ["noise_l2", "flip_rate"])
def test_batches_may_differ_in_the_number_of_draws(kind):
    outputs = torch.tensor([[1.0, 0.0]])
    metric = Sensitivity(kind)
    metric.update(outputs, outputs.flip(1))
    metric.update(outputs, outputs.expand(4, 1, 2))
    assert float(metric.compute()) == pytest.approx({"noise_l2": math.sqrt(2) / 2, "flip_rate": 0.5}[kind])


@pytest.mark.parametrize(
    ("outputs", "noisy"),
    [
        (torch.zeros(2, 3), torch.zeros(2, 2, 3)),
        (torch.zeros(2, 4), torch.zeros(1, 2, 4)),
        (torch.zeros(2, 3).double(), torch.zeros(1, 2, 3).double()),
    ],
    ids=["draws", "outputs", "dtype"],
)
@pytest.mark.parametrize("way", ["update", "forward", "merge_state"])
def test_outputs_that_differ_in_layout_are_not_kept_in_one(way, outputs, noisy):
    metric = Sensitivity("noise_relative")
    metric.update(torch.zeros(2, 3), torch.zeros(1, 2, 3))
    other = Sensitivity("noise_relative")
    other.update(outputs, noisy)
    arguments = (other,) if way == "merge_state" else (outputs, noisy)
    with pytest.raises(ValueError, match="the layouts"):
        getattr(metric, way)(*arguments)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("outputs", "noisy"),
    [
        (torch.zeros(2), torch.zeros(2)),
        (torch.zeros(2, 3), torch.zeros(3)),
        (torch.zeros(2, 3), torch.zeros(3, 3)),
        (torch.zeros(2, 3), torch.zeros(0, 2, 3)),
        (torch.zeros(2, 3), torch.zeros(1, 2, 4)),
        (torch.zeros(2, 0), torch.zeros(1, 2, 0)),
    ],
)
def test_shapes_that_do_not_fit_are_refused(kind, outputs, noisy):
    with pytest.raises(ValueError, match="Expected argument"):
        Sensitivity(kind).update(outputs, noisy)


@pytest.mark.parametrize("kind", KINDS)
def test_labels_are_no_outputs(kind):
    with pytest.raises(TypeError, match=r"`outputs` to have one of the dtypes .* got torch.int64"):
        Sensitivity(kind).update(torch.zeros(2, 3).long(), torch.zeros(2, 3).long())


@pytest.mark.parametrize("arguments", [{"kind": "l2"}, {"space": "labels"}])
def test_unknown_kinds_and_spaces_are_refused(arguments):
    with pytest.raises(ValueError, match=r"to be one of \["):
        Sensitivity(**arguments)


def test_the_clustered_error_of_the_ratio_is_that_of_the_whole():
    outputs = torch.randn(30, 3, generator=torch.Generator().manual_seed(0))
    noisy = outputs + torch.randn(5, 30, 3, generator=torch.Generator().manual_seed(1))
    metric = Sensitivity("noise_relative")
    for rows in (slice(0, 1), slice(1, 22), slice(22, 30)):
        metric.update(outputs[rows], noisy[:, rows])
    assert metric.standard_error == pytest.approx(noise_relative(outputs, noisy).standard_error, rel=1e-12)
