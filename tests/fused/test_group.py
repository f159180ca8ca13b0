from __future__ import annotations

import copy
import io
import signal
import threading
from functools import partial
from typing import ClassVar

import pytest
import torch
from torch import nn

from simplicity_sweep.fused import Group, Member, Work, optimizers
from simplicity_sweep.fused import binding as binding_module
from tests.fused.networks import Case, Net, adam, adamw, difference, momentum, one_thread, order, perceptron, plain_loop


def test_steps_made_in_two_calls_are_those_made_in_one():
    halves, whole = Case(perceptron), Case(perceptron)
    group = Group(halves.members)
    works = whole.works(20)
    for start in (0, 10):
        group.steps(
            [Work(w.inputs, w.labels, w.order[start * 16 : start * 16 + 160], 16, first_batch=start) for w in works]
        )
    Group(whole.members).steps(works)
    assert [difference_of(a, b) for a, b in zip(halves.members, whole.members, strict=True)] == [0.0] * 3


@pytest.mark.parametrize("optimizer", [adam, momentum])
def test_a_group_takes_over_optimisers_that_have_stepped_before(optimizer):
    case = Case(perceptron, optimizer)
    for member, work, rng in zip(case.members, case.works(5), case.plain_rngs, strict=True):
        plain_loop(member, work, rng)
    case.run_plainly(case.works(5))
    works = case.works(10, epoch=1)
    Group(case.members).steps(works)
    case.run_plainly(works)
    assert case.differences() == [0.0] * 3


def test_optimisers_can_step_on_by_themselves_after_a_group():
    case = Case(perceptron)
    works, more = case.works(10), case.works(5, epoch=1)
    Group(case.members).steps(works)
    case.run_plainly(works)
    for member, work, rng in zip(case.members, more, case.rngs, strict=True):
        plain_loop(member, work, rng)
    case.run_plainly(more)
    assert case.differences() == [0.0] * 3


@pytest.mark.parametrize("optimizer", [adam, adamw, momentum])
def test_a_checkpoint_loaded_between_two_calls_is_gone_on_from(optimizer):
    case = Case(perceptron, optimizer)
    group = Group(case.members)
    first = case.works(6)
    group.steps(first)
    case.run_plainly(first)
    saved = [copy.deepcopy((m.module.state_dict(), m.optimizer.state_dict())) for m in case.members]
    group.steps(case.works(6, epoch=1))
    for member, (weights, state) in zip(case.members, saved, strict=True):
        member.module.load_state_dict(weights)
        member.optimizer.load_state_dict(state)
    then = case.works(6, epoch=2)
    group.steps(then)
    case.run_plainly(then)
    assert case.differences() == [0.0] * 3


def test_hyper_parameters_are_read_at_every_call():
    case = Case(perceptron)
    group = Group(case.members)
    for epoch, rate in enumerate((1e-2, 1e-4)):
        works = case.works(5, epoch)
        for member in (*case.members, *case.plain):
            member.optimizer.param_groups[0]["lr"] = rate
        group.steps(works)
        case.run_plainly(works)
    assert case.differences() == [0.0] * 3


def test_the_optimisers_state_is_what_its_own_steps_would_have_left():
    case = Case(perceptron)
    works = case.works(7, short=3)
    Group(case.members).steps(works)
    case.run_plainly(works)
    for ours, theirs in zip(case.members, case.plain, strict=True):
        ours_state, theirs_state = ours.optimizer.state_dict()["state"], theirs.optimizer.state_dict()["state"]
        for index, expected in theirs_state.items():
            assert ours_state[index].keys() == expected.keys()
            for name, value in expected.items():
                torch.testing.assert_close(ours_state[index][name], value, rtol=0, atol=0)


def test_a_checkpoint_of_one_member_holds_nothing_of_the_others():
    case = Case(perceptron, members=4)
    before = saved_bytes(case.plain[0])
    works = case.works(3)
    Group(case.members).steps(works)
    case.run_plainly(works)
    assert saved_bytes(case.members[0]) <= saved_bytes(case.plain[0])
    assert before < saved_bytes(case.members[0])


def test_an_interrupt_ends_all_members_of_a_block_after_the_same_step(monkeypatch):
    case = Case(perceptron)
    calls = []
    step = optimizers.Adam.step

    def step_and_interrupt(self):
        step(self)
        calls.append(None)
        if len(calls) == 5:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    monkeypatch.setattr(optimizers.Adam, "step", step_and_interrupt)
    works = case.works(5000)
    with one_thread(), pytest.raises(KeyboardInterrupt):  # one thread, one block
        Group(case.members).steps(works)
    made = len(calls)
    assert 5 <= made < 5000
    for member in case.members:
        assert {float(state["step"]) for state in member.optimizer.state.values()} == {float(made)}
    case.run_plainly([Work(w.inputs, w.labels, w.order[: made * 16], 16) for w in works])
    assert case.differences() == [0.0] * 3


def test_the_callers_number_of_threads_is_left_as_it_was():
    case = Case(perceptron)
    before = torch.get_num_threads()
    Group(case.members).steps(case.works(2))
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("cores", [1, 3])
def test_the_number_of_cores_does_not_change_a_bit(cores):
    several, reference = Case(perceptron, members=6), Case(perceptron, members=6)
    Group(reference.members).steps(reference.works(10))
    before = torch.get_num_threads()
    torch.set_num_threads(cores)
    try:
        Group(several.members).steps(several.works(10))
    finally:
        torch.set_num_threads(before)
    assert [difference_of(a, b) for a, b in zip(several.members, reference.members, strict=True)] == [0.0] * 6


def test_groups_of_one_signature_are_traced_once(monkeypatch):
    traced = []
    trace = binding_module.trace
    monkeypatch.setattr(binding_module, "trace", lambda *args, **options: traced.append(1) or trace(*args, **options))
    for rate in (1e-3, 1e-2):
        case = Case(partial(perceptron, (64, 48, 10)), rates=(rate,))
        with one_thread():
            Group(case.members).steps(case.works(3))
    assert len(traced) == 2  # one network, to see whether it can be done, and the group of three


def test_members_may_have_data_of_their_own():
    case = Case(perceptron, members=2)
    works = case.works(10)
    works[1].inputs, works[1].labels = case.inputs.flip(0).clone(), case.labels.flip(0).clone()
    Group(case.members).steps(works)
    case.run_plainly(works)
    assert case.differences() == [0.0] * 2


class Scaled(Net):
    """Its loss depends on what no signature sees: which object it is."""

    heavier: ClassVar[dict[int, float]] = {}

    def training_step(self, batch, batch_idx):
        return super().training_step(batch, batch_idx) * Scaled.heavier.get(id(self), 1.0)


@pytest.mark.parametrize("factor", [5.0, 1.0001])
def test_a_member_whose_own_loss_differs_is_taken_out(factor):
    case = Case(perceptron, wrap=Scaled)
    Scaled.heavier[id(case.members[1].module)] = factor
    works = case.works(10)
    with one_thread():
        logs = Group(case.members).steps(works)
    Scaled.heavier.clear()
    case.run_plainly([works[0], Work(case.inputs, case.labels, works[1].order[:0], 16), works[2]])
    assert [log.alone is None for log in logs] == [True, False, True]
    assert "its own training_step" in logs[1].alone
    assert case.differences() == [0.0] * 3


class FailsShort(Net):
    """Computes another loss for a short batch."""

    heavier: ClassVar[set[int]] = set()

    def training_step(self, batch, batch_idx):
        loss = super().training_step(batch, batch_idx)
        return loss * 2 if id(self) in FailsShort.heavier and len(batch[1]) < 16 else loss


def test_the_short_last_batch_is_compared_too():
    case = Case(perceptron, wrap=FailsShort)
    FailsShort.heavier.add(id(case.members[2].module))
    logs = Group(case.members).steps(case.works(4, short=3))
    FailsShort.heavier.clear()
    assert [log.alone is None for log in logs] == [True, True, False]


def test_the_guard_leaves_buffers_and_generators_as_they_were():
    build = partial(perceptron, extra=lambda n: nn.Sequential(nn.BatchNorm1d(n), nn.Dropout(0.2)))
    case = Case(build)
    works = case.works(4)
    Group(case.members).steps(works)
    case.run_plainly(works)
    assert case.differences() == [0.0] * 3
    assert int(case.members[0].module.state_dict()["network.2.0.num_batches_tracked"]) == 4


def test_a_member_whose_first_labels_are_no_classes_is_taken_out():
    case = Case(perceptron)
    works = case.works(4)
    works[1].labels = case.labels + 5
    with one_thread():
        logs = Group(case.members).steps(works)
    case.run_plainly([works[0], Work(case.inputs, case.labels, works[1].order[:0], 16), works[2]])
    assert [log.alone is None for log in logs] == [True, False, True]
    assert "out of bounds" in logs[1].alone
    assert case.differences() == [0.0] * 3


@pytest.mark.parametrize("optimizer", [adam, momentum, partial(momentum, nesterov=False, dampening=0.3)])
def test_a_member_that_fails_late_leaves_the_others_the_bits_that_they_would_have(optimizer):
    build = partial(perceptron, extra=lambda n: nn.Sequential(nn.BatchNorm1d(n), nn.Dropout(0.3)))
    case = Case(build, optimizer)
    works = case.works(6, short=3)
    works[1].labels = case.labels.clone()
    works[1].labels[works[1].order[70]] = 10  # in the fifth batch
    with one_thread():
        logs = Group(case.members).steps(works)
    until = Work(case.inputs, case.labels, works[1].order[:64], 16)
    case.run_plainly([works[0], until, works[2]])
    assert [log.error is None for log in logs] == [True, False, True]
    assert isinstance(logs[1].error, IndexError)
    assert [len(log.losses) for log in logs] == [7, 4, 7]
    assert [case.differences()[k] for k in (0, 2)] == [0.0, 0.0]
    assert difference(parameters(case.members[1]), parameters(case.plain[1])) == 0


def test_one_member_may_have_examples_to_be_ignored():
    case = Case(perceptron)
    works = case.works(6)
    works[1].labels = case.labels.clone()
    works[1].labels[::5] = -100
    logs = Group(case.members).steps(works)
    case.run_plainly(works)
    assert [log.alone or log.error for log in logs] == [None] * 3
    assert case.differences() == [0.0] * 3


def test_one_work_a_member_is_asked_for():
    case = Case(perceptron)
    with pytest.raises(ValueError, match="one for each of 3 members, but got 2"):
        Group(case.members).steps(case.works(2)[:2])


def test_members_of_two_signatures_are_refused():
    case, other = Case(perceptron, members=1), Case(partial(perceptron, activation=nn.Tanh), members=1)
    with pytest.raises(ValueError, match="one signature, but got 2"):
        Group([*case.members, *other.members]).steps([*case.works(2), *other.works(2)])


def test_a_group_needs_a_member():
    with pytest.raises(ValueError, match="at least one"):
        Group([])


def test_a_step_that_draws_needs_generators():
    case = Case(partial(perceptron, extra=lambda _: nn.Dropout(0.3)))
    works = case.works(2)
    works[1].rng = None
    with pytest.raises(ValueError, match="`rng`"):
        Group(case.members).steps(works)


def test_no_steps_change_nothing():
    case = Case(perceptron)
    logs = Group(case.members).steps(case.works(0))
    assert case.differences() == [0.0] * 3
    assert [len(log.losses) for log in logs] == [0, 0, 0]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"batch_size": 0}, "`batch_size`"),
        ({"order": torch.arange(4.0)}, "`order` to be a vector of int64"),
        ({"order": torch.tensor([0, 200])}, "from 0 to 199, but got 0 to 200"),
        ({"order": torch.tensor([-1])}, "but got -1 to -1"),
        ({"labels": torch.zeros(3)}, "of one length, but got 200 and 3"),
    ],
)
def test_work_that_does_not_fit_together_is_refused(change, text):
    fitting = {"inputs": torch.zeros(200, 2), "labels": torch.zeros(200), "order": order(10, 0), "batch_size": 4}
    with pytest.raises(ValueError, match=text):
        Work(**{**fitting, **change})


def difference_of(one: Member, other: Member) -> float:
    pairs = zip(one.module.parameters(), other.module.parameters(), strict=True)
    with one_thread():
        return max((a - b).abs().max().item() for a, b in pairs)


def saved_bytes(member: Member) -> int:
    file = io.BytesIO()
    torch.save((member.module.state_dict(), member.optimizer.state_dict()), file)
    return file.getbuffer().nbytes


def parameters(member: Member) -> nn.ParameterList:
    return nn.ParameterList(member.module.parameters())
