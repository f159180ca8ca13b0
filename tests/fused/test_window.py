"""Data that lie elsewhere than the networks: fetched a few steps at a time, and the steps are the same to the bit."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import nn

from simplicity_sweep.fused import Work, window
from simplicity_sweep.fused.block import Block
from simplicity_sweep.fused.window import Window, lies_elsewhere
from tests.fused.networks import Case, damped, perceptron


@pytest.fixture
def elsewhere(monkeypatch):
    """Every work's data count as lying elsewhere, and a window holds three steps: 3 · (batch 16 · 3 members) examples
    of 64 numbers and a label."""
    monkeypatch.setattr(window, "lies_elsewhere", lambda work: True)
    monkeypatch.setattr(window, "_BYTES", 3 * 16 * 3 * (64 * 4 + 8))


def run(case: Case, works: list[Work], resident: bool) -> list[torch.Tensor]:
    block = Block(case.members, resident)
    block.prepare(works)
    assert block.check(works) == [None] * 3
    logs = block.run(works, threading.Event())
    assert [log.error for log in logs] == [None] * 3
    return [log.losses for log in logs]


def build() -> nn.Module:
    return perceptron((64, 16, 10), extra=lambda _: nn.Dropout(0.3))


@pytest.mark.parametrize("resident", [True, False])
@pytest.mark.parametrize("optimizer", [torch.optim.Adam, damped])
def test_the_steps_are_the_same_to_the_bit(monkeypatch, request, resident, optimizer):
    near, far = Case(build, optimizer), Case(build, optimizer)
    expected = run(near, near.works(10, short=5), resident)
    request.getfixturevalue("elsewhere")
    found = run(far, far.works(10, short=5), resident)
    assert all(map(torch.equal, found, expected))
    for one, other in zip(near.members, far.members, strict=True):
        assert all(map(torch.equal, one.module.parameters(), other.module.parameters()))
    for one, other in zip(near.rngs, far.rngs, strict=True):
        assert torch.equal(one.get_state(), other.get_state())


def test_members_with_one_order_share_the_examples_that_are_fetched(elsewhere):
    case = Case(build)
    works = case.works(4)
    works[2] = replace(works[2], order=works[0].order)
    orders = torch.stack([work.order for work in works])
    passes = list(Window().passes(works, orders, size=16))
    assert [places.shape[1] for _, places in passes] == [48, 16]
    for step, (here, places) in enumerate(passes):
        assert len(here[0].inputs) == 2 * places.shape[1]
        for work, own, order in zip(here, places, orders[:, 48 * step : 48 * (step + 1)], strict=True):
            assert torch.equal(work.inputs[own], case.inputs[order])
            assert torch.equal(work.labels[own], case.labels[order])


def test_a_window_stays_where_it_is(elsewhere):
    case, room = Case(build), Window()
    orders = torch.stack([work.order for work in case.works(6)])
    places = {here[0].inputs.data_ptr() for here, _ in room.passes(case.works(6), orders, size=16)}
    assert len(places) == 1


def test_a_window_of_many_steps_holds_as_many_as_are_replayed_at_once(monkeypatch, elsewhere):
    case = Case(partial(perceptron, (64, 10)))
    monkeypatch.setattr(window, "_BYTES", 25 * 16 * 3 * (64 * 4 + 8))
    orders = torch.stack([work.order for work in case.works(45)])
    passes = Window().passes(case.works(45), orders, size=16)
    assert [places.shape[1] // 16 for _, places in passes] == [20, 20, 5]


def test_data_with_the_network_are_used_where_they_lie():
    work = Case(build).works(1)[0]
    assert not lies_elsewhere(work)
    assert lies_elsewhere(replace(work, device=torch.device("meta")))
    [(here, places)] = Window().passes([work], work.order[None], size=16)
    assert here[0] is work
    assert torch.equal(places[0], work.order)
