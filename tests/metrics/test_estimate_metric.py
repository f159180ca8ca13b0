"""What holds for every metric: batches, copies, casts, and values that do not exist."""

from __future__ import annotations

import io
import math
import pickle

import pytest
import torch
from torch import nn

from simplicity_sweep.metrics import PathComplexity
from tests.metrics.cases import CASES, N, assert_agrees

every_metric = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


def filled(case, *sizes, **kwargs):
    metric = case.metric(**kwargs)
    for batch in case.batches(*sizes):
        metric.update(**batch)
    return metric


@every_metric
@pytest.mark.parametrize("sizes", [(), (1,), (20, 0, 1, 19), (1,) * (N - 1)], ids=["one", "two", "uneven", "single"])
def test_the_value_is_that_of_the_whole_however_it_is_cut_into_batches(case, sizes):
    assert_agrees(filled(case, *sizes), case.expected())


@every_metric
def test_the_value_is_a_scalar_in_double_precision(case):
    value = filled(case).compute()
    assert value.dtype == torch.float64
    assert value.shape == ()


@every_metric
def test_updates_after_a_value_count_too(case):
    metric = case.metric()
    for batch in case.batches(20, 20):
        metric.update(**batch)
        metric.compute()
    assert_agrees(metric, case.expected())


@every_metric
def test_forward_returns_the_value_of_its_batch_and_keeps_the_whole(case):
    metric = case.metric()
    for batch in case.batches(20, 1):
        alone = case.metric()
        alone.update(**batch)
        torch.testing.assert_close(metric(**batch), alone.compute(), equal_nan=True, rtol=1e-12, atol=0)
    assert_agrees(metric, case.expected())


@every_metric
def test_forward_keeps_the_whole_where_it_is_to_gather_its_values_from_processes(case):
    metric = case.metric(dist_sync_on_step=True)
    for batch in case.batches(20, 1):
        metric(**batch)
    assert_agrees(metric, case.expected())


@every_metric
def test_two_metrics_can_be_merged(case):
    first, second = case.metric(), case.metric()
    head, tail = case.batches(20)
    first.update(**tail)
    second.update(**head)
    first.merge_state(second)
    assert_agrees(first, case.expected())


@every_metric
def test_reset_forgets_everything(case):
    metric = case.metric()
    metric.update(**case.part(0, 7))
    metric.compute()
    metric.reset()
    metric.update(**case.whole)
    assert_agrees(metric, case.expected())


@every_metric
def test_a_clone_goes_its_own_way(case):
    metric = case.metric()
    head, tail = case.batches(20)
    metric.update(**head)
    before = float(metric.compute())
    clone = metric.clone()
    clone.update(**tail)
    assert_agrees(clone, case.expected())
    assert float(metric.compute()) == before


def sent(metric):
    return pickle.loads(pickle.dumps(metric))


def saved(metric):
    buffer = io.BytesIO()
    torch.save(metric, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=False)


@every_metric
@pytest.mark.parametrize("copied", [sent, saved])
def test_pickling_keeps_what_was_seen(case, copied):
    metric = case.metric()
    head, tail = case.batches(20)
    metric.update(**head)
    copy = copied(metric)
    copy.update(**tail)
    assert_agrees(copy, case.expected())


@every_metric
def test_a_state_dict_restores_what_was_seen(case):
    metric, other = case.metric(), case.metric()
    metric.persistent(True)
    head, tail = case.batches(20)
    metric.update(**head)
    other.load_state_dict(metric.state_dict(), strict=False)
    other.update(**tail)
    assert_agrees(other, case.expected())


@every_metric
def test_states_are_left_out_of_a_state_dict_unless_asked_for(case):
    assert filled(case).state_dict() == {}


@every_metric
def test_later_changes_to_the_arguments_change_nothing(case):
    metric = case.metric()
    arguments = {name: tensor.clone() for name, tensor in case.whole.items()}
    metric.update(**arguments)
    for tensor in arguments.values():
        tensor.zero_()
    assert_agrees(metric, case.expected())


@every_metric
@pytest.mark.parametrize(
    "cast",
    [
        lambda module: module.half(),
        lambda module: module.to(torch.bfloat16),
        lambda module: module.double(),
        lambda module: module.to("cpu"),
        lambda module: module.requires_grad_(False),
    ],
    ids=["half", "bfloat16", "double", "cpu", "frozen"],
)
def test_casting_the_module_around_a_metric_costs_it_no_precision(case, cast):
    metric = case.metric()
    head, tail = case.batches(20)
    metric.update(**head)
    metric.compute()
    cast(nn.ModuleList([metric]))
    metric.update(**tail)
    assert_agrees(metric, case.expected())
    metric.reset()
    metric.update(**case.whole)
    assert_agrees(metric, case.expected())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_states_move_to_the_device_of_the_metric():
    for name, case in CASES.items():
        metric = case.metric().to("cuda")
        for batch in case.batches(20, 0, 13):
            metric.update(**{name: tensor.cuda() for name, tensor in batch.items()})
        expected = pytest.approx(case.expected().value, rel=1e-5)
        assert metric.compute().device.type == "cuda", name
        assert float(metric.compute()) == expected, name
        assert float(metric.to("cpu").compute()) == expected, name


@every_metric
def test_an_empty_metric_is_undefined_and_warns(case):
    metric = case.metric()
    with pytest.warns(UserWarning, match="before the ``update`` method"):
        assert math.isnan(metric.compute())
    with pytest.warns(UserWarning, match="before the ``update`` method"):
        assert metric.reason == "no inputs"


@every_metric
def test_nothing_but_empty_batches_is_undefined(case):
    metric = case.metric()
    metric.update(**case.part(0, 0))
    metric.update(**case.part(0, 0))
    assert math.isnan(metric.compute())
    assert metric.reason == "no inputs"
    assert metric.standard_error is None


@every_metric
def test_the_reason_is_gone_when_there_is_a_value(case):
    metric = case.metric()
    metric.update(**case.part(0, 0))
    assert metric.reason == "no inputs"
    metric.update(**case.whole)
    assert metric.reason is None


@every_metric
def test_forward_does_not_hold_the_graph_of_its_arguments(case):
    metric = case.metric()
    arguments = {
        name: tensor.clone().requires_grad_() if tensor.is_floating_point() else tensor
        for name, tensor in case.whole.items()
    }
    metric(**arguments)
    metric(**arguments)
    for state in metric.metric_state.values():
        assert not any(tensor.requires_grad for tensor in (state if isinstance(state, list) else [state]))


@every_metric
def test_a_value_can_be_drawn(case):
    pytest.importorskip("matplotlib").use("agg")
    from matplotlib import pyplot

    metric = case.metric()
    curve = [metric(**batch) for batch in case.batches(20, 20)]
    _, axes = metric.plot()
    assert axes.get_ylabel() == type(metric).__name__
    _, axes = metric.plot(curve)
    assert axes.lines[0].get_ydata().tolist() == [float(value) for value in curve]
    _, given = pyplot.subplots()
    _, axes = metric.plot(ax=given)
    assert axes is given
    pyplot.close("all")


def test_a_metric_is_part_of_a_formula():
    doubled = 2 * PathComplexity()
    doubled.update(torch.tensor([[0, 0, 0, 0]]))
    assert float(doubled.compute()) == 4


def test_unknown_keywords_are_refused():
    with pytest.raises(ValueError, match="Unexpected keyword"):
        PathComplexity(points=3)
