"""Steps that need nothing from the host: what a GPU replays, run here on whatever there is."""

from __future__ import annotations

import threading
from functools import partial

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from simplicity_sweep.fused import Group, Member, Work
from simplicity_sweep.fused.block import Block
from simplicity_sweep.fused.columns import column_optimizer
from simplicity_sweep.fused.network import NetworkStack
from tests.fused.networks import Case, damped, momentum, perceptron, sgd


def double_perceptron(**options) -> nn.Module:
    return perceptron((64, 16, 10), **options).double()


def run(case: Case, works: list[Work], stop: threading.Event | None = None) -> list:
    block = Block(case.members, resident=True)
    block.prepare(works)
    return block.run(works, stop or threading.Event())


@pytest.mark.parametrize(
    "optimizer",
    [
        torch.optim.Adam,
        partial(torch.optim.Adam, weight_decay=0.1, betas=(0.8, 0.99), eps=1e-3),
        partial(torch.optim.AdamW, weight_decay=0.1),
        sgd,
        momentum,
        damped,
    ],
    ids=["adam", "adam with everything", "adamw", "sgd", "momentum", "damped momentum"],
)
def test_resident_steps_agree_with_torchs_optimisers_in_float64(optimizer):
    case = Case(double_perceptron, optimizer)
    block = Block(case.members, resident=True)
    for epoch in range(2):
        works = case.works(60, epoch, short=5)
        block.prepare(works)
        logs = block.run(works, threading.Event())
        losses = case.run_plainly(works)
        assert [log.error for log in logs] == [None] * 3
        for log, expected in zip(logs, losses, strict=True):
            torch.testing.assert_close(log.losses, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-9)
    assert max(case.differences()) < 1e-9
    steps = {float(s["step"]) for m in case.members for s in m.optimizer.state.values() if "step" in s}
    assert steps <= {122.0}


def test_members_with_and_without_momentum_share_a_pass():
    case = Case(double_perceptron, sgd)
    for member in (case.members[1], case.plain[1]):
        member.optimizer.param_groups[0]["momentum"] = 0.9
    works = case.works(30)
    run(case, works)
    case.run_plainly(works)
    assert max(case.differences()) < 1e-9


def test_resident_dropout_draws_from_each_members_generator():
    case = Case(partial(double_perceptron, extra=lambda _: nn.Dropout(0.3)))
    works = case.works(20)
    run(case, works)
    case.run_plainly(works)
    assert max(case.differences()) < 1e-9
    for ours, theirs in zip(case.rngs, case.plain_rngs, strict=True):
        assert torch.equal(ours.get_state(), theirs.get_state())


def test_resident_steps_stop_where_they_are_told_to():
    case = Case(double_perceptron)
    stop = threading.Event()
    stop.set()
    logs = run(case, case.works(5), stop)
    assert [len(log.losses) for log in logs] == [0] * 3
    assert case.differences() == [0.0] * 3


@pytest.mark.parametrize("optimizer", [torch.optim.Adam, momentum])
def test_an_update_asks_the_device_for_nothing(optimizer):
    # A fake tensor has no values: whatever made the host wait for one (`.item()`, a branch) would raise.
    case = Case(double_perceptron, optimizer)
    networks = NetworkStack([member.module for member in case.members])
    columns = column_optimizer([member.optimizer for member in case.members], networks)
    columns.begin()
    with FakeTensorMode(allow_non_fake_inputs=True):
        columns.step()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_captured_graph_agrees_with_a_plain_loop_on_the_gpu():
    case = Case(double_perceptron, torch.optim.Adam)
    works = case.works(60, short=5)
    on_gpu = [
        Member(m.module.cuda(), torch.optim.Adam(m.module.parameters(), lr=m.optimizer.param_groups[0]["lr"]))
        for m in case.members
    ]
    inputs, labels = case.inputs.cuda(), case.labels.cuda()
    logs = Group(on_gpu).steps([Work(inputs, labels, w.order.cuda(), w.batch_size) for w in works])
    losses = case.run_plainly(works)
    for log, expected in zip(logs, losses, strict=True):
        assert log.alone is None
        torch.testing.assert_close(log.losses.cpu(), torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-6)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_dropout_in_a_captured_graph_repeats_on_the_gpu():
    ends = []
    for _ in range(2):
        case = Case(partial(double_perceptron, extra=lambda _: nn.Dropout(0.3)), torch.optim.Adam)
        members = [Member(m.module.cuda(), torch.optim.Adam(m.module.parameters())) for m in case.members]
        inputs, labels = case.inputs.cuda(), case.labels.cuda()
        works = [
            Work(inputs, labels, w.order.cuda(), w.batch_size, 0, torch.Generator("cuda").manual_seed(k))
            for k, w in enumerate(case.works(40))
        ]
        ends.append([log.losses[-1].item() for log in Group(members).steps(works)])
    assert ends[0] == ends[1]
