"""Who is stepped together."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from simplicity_sweep.fused import Group, Member, StepLog, Work, member_bytes, optimizers
from simplicity_sweep.fused.engine import Engine, Steps
from tests.fused.networks import one_thread


class Run(nn.Module):
    def __init__(self, seed: int, hidden: int = 8) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.network = nn.Sequential(nn.Linear(6, hidden), nn.ReLU(), nn.Linear(hidden, 3))

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        return cross_entropy(self.network(batch[0]), batch[1])


def steps(seed: int, hidden: int = 8) -> Steps:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(64, 6, generator=generator)
    labels = torch.randint(0, 3, (64,), generator=generator)
    run = Run(seed, hidden)
    member = Member(run, torch.optim.SGD(run.parameters(), lr=0.1))
    return Steps(member, Work(inputs, labels, torch.arange(64), batch_size=16))


@pytest.fixture
def groups(monkeypatch) -> list[int]:
    """The sizes of the groups that are made."""
    made: list[int] = []
    init = Group.__init__

    def noted(self, members):
        made.append(len(members))
        init(self, members)

    monkeypatch.setattr(Group, "__init__", noted)
    return made


def test_members_of_one_shape_are_one_group(groups):
    answers = Engine()([steps(0), steps(1, hidden=5), steps(2), steps(3, hidden=5), steps(4)])
    assert sorted(groups) == [2, 3]
    assert all(isinstance(answer, StepLog) and len(answer.losses) == 4 for answer in answers)


def test_answers_come_in_the_order_of_the_requests():
    requests = [steps(0), steps(1, hidden=5), steps(2)]
    together = Engine()(requests)
    for request, answer in zip([steps(0), steps(1, hidden=5), steps(2)], together, strict=True):
        [alone] = Engine()([request])
        assert torch.equal(answer.losses, alone.losses)


def test_the_same_members_are_not_stacked_anew(groups):
    engine, requests = Engine(), [steps(0), steps(1)]
    engine(requests)
    engine(requests)
    engine(requests[:1])
    assert groups == [2, 1]


def test_what_does_not_fit_into_memory_is_cut_into_groups_that_do(groups):
    requests = [steps(seed) for seed in range(7)]
    room = 2 * 3 * member_bytes(requests[0].member, requests[0].work)
    cut = Engine(memory=lambda device: room)(requests)
    assert groups == [3, 3, 1]
    whole = Engine()([steps(seed) for seed in range(7)])
    for one, other in zip(cut, whole, strict=True):
        assert torch.equal(one.losses, other.losses)


def test_without_any_memory_to_spare_each_goes_alone(groups):
    Engine(memory=lambda device: 0)([steps(0), steps(1)])
    assert groups == [1, 1]


def test_an_error_of_a_group_is_the_answer_to_its_members_alone(monkeypatch):
    take_steps = Group.steps

    def broken(self, works):
        if len(works) == 2:
            raise RuntimeError("broken")
        return take_steps(self, works)

    monkeypatch.setattr(Group, "steps", broken)
    answers = Engine()([steps(0), steps(1, hidden=5), steps(2)])
    assert isinstance(answers[1], StepLog)
    assert str(answers[0]) == str(answers[2]) == "broken"


@pytest.mark.parametrize("at_step", [0, 3])
def test_where_memory_runs_out_smaller_groups_do_the_same_steps(monkeypatch, groups, at_step):
    step = optimizers.SGD.step
    calls = []

    def out_of_memory(self):
        calls.append(len(self._calls))
        if len(self._calls) > 2 and len(calls) > at_step:
            raise torch.OutOfMemoryError("no memory left")
        step(self)

    monkeypatch.setattr(optimizers.SGD, "step", out_of_memory)
    with one_thread():
        answers = Engine()([steps(seed) for seed in range(4)])
    assert groups == [4, 2, 2]
    monkeypatch.setattr(optimizers.SGD, "step", step)
    for seed, answer in enumerate(answers):
        [alone] = Engine()([steps(seed)])
        assert torch.equal(answer.losses, alone.losses)


def test_a_group_that_was_cut_for_want_of_memory_is_not_kept(groups):
    requests = [steps(seed) for seed in range(4)]
    room = 2 * 2 * member_bytes(requests[0].member, requests[0].work)
    engine = Engine(memory=lambda device: room)
    engine(requests)
    engine(requests)
    assert groups == [2, 2, 2, 2]


def test_another_optimiser_of_the_same_module_is_another_member():
    request, twin = steps(0), steps(0)
    engine = Engine()
    for each, desk in ((request, engine), (twin, Engine())):
        desk([each])
        module = each.member.module
        new = Steps(Member(module, torch.optim.SGD(module.parameters(), lr=1e-5)), each.work)
        (engine if each is request else Engine())([new])
    for one, other in zip(request.member.module.parameters(), twin.member.module.parameters(), strict=True):
        assert torch.equal(one, other)
