from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from simplicity_sweep.fused import Group
from tests.fused.networks import Case, Net, perceptron


class Branching(Net):
    def training_step(self, batch, batch_idx):
        loss = super().training_step(batch, batch_idx)
        return loss if loss > 2 else 2 * loss


class Numbered(Net):
    def training_step(self, batch, batch_idx):
        loss = super().training_step(batch, batch_idx)
        return loss * 2 if batch_idx % 2 else loss


class Counting(Net):
    calls = 0

    def training_step(self, batch, batch_idx):
        self.calls += 1
        return super().training_step(batch, batch_idx)


class Epochal(Net):
    @property
    def current_epoch(self) -> int:
        return 3

    def training_step(self, batch, batch_idx):
        return super().training_step(batch, batch_idx) * (1 + self.current_epoch)


class Idle(Net):
    def __init__(self, network):
        super().__init__(network)
        self.idle = nn.Parameter(torch.ones(2))


class Shuffling(Net):
    def training_step(self, batch, batch_idx):
        inputs, labels = batch
        places = torch.randperm(len(labels))
        return super().training_step((inputs[places], labels[places]), batch_idx)


class Printing(Net):
    def training_step(self, batch, batch_idx):
        self.log("name", "value")
        return super().training_step(batch, batch_idx)


class Silent(Net):
    def training_step(self, batch, batch_idx):
        super().training_step(batch, batch_idx)


@pytest.mark.parametrize(
    ("wrap", "reason"),
    [
        (Branching, "a branch on the data"),
        (Numbered, "uses batch_idx"),
        (Counting, "changes the attribute calls"),
        (Epochal, "uses self.current_epoch"),
        (Idle, "does not depend on the parameter idle"),
        (Shuffling, "draws random numbers by aten.randperm"),
        (Printing, "logs `name` as a str"),
        (Silent, "returns a NoneType"),
    ],
)
def test_a_step_that_no_program_can_hold_is_left_to_others_and_says_why(wrap, reason):
    case = Case(perceptron, wrap=wrap)
    logs = Group(case.members).steps(case.works(10))
    assert all(reason in log.alone for log in logs)
    assert [log.error for log in logs] == [None] * 3
    assert [len(log.losses) for log in logs] == [0] * 3
    assert case.differences() == [0.0] * 3
    for ours, theirs in zip(case.rngs, case.plain_rngs, strict=True):
        assert torch.equal(ours.get_state(), theirs.get_state())


class Dictionary(Net):
    def training_step(self, batch, batch_idx):
        return {"loss": super().training_step(batch, batch_idx), "more": 1}


def test_a_loss_in_a_dictionary_is_a_loss():
    case = Case(perceptron, wrap=Dictionary)
    works = case.works(5)
    Group(case.members).steps(works)
    plain = Case(perceptron)
    plain.run_plainly(works)
    for ours, theirs in zip(case.members, plain.plain, strict=True):
        for a, b in zip(ours.module.parameters(), theirs.module.parameters(), strict=True):
            assert torch.equal(a, b)


class Noisy(Net):
    def training_step(self, batch, batch_idx):
        inputs, labels = batch
        return super().training_step((inputs + 0.1 * torch.randn_like(inputs), labels), batch_idx)


def test_noise_is_drawn_from_each_members_generator():
    case = Case(perceptron, wrap=Noisy)
    works = case.works(10)
    assert Group(case.members).steps(works)[0].alone is None
    case.run_plainly(works)
    assert case.differences() == [0.0] * 3


class Watching(Net):
    def __init__(self, network):
        super().__init__(network)
        self.register_buffer("seen", torch.zeros(()))

    def training_step(self, batch, batch_idx):
        self.seen += len(batch[1])
        self.log("seen", self.seen)
        return super().training_step(batch, batch_idx)


def test_a_buffer_that_the_step_changes_is_logged_as_it_was_at_that_step():
    case = Case(perceptron, wrap=Watching)
    log = Group(case.members).steps(case.works(4))[0]
    assert log.alone is None
    assert log.values["seen"].tolist() == [16.0, 32.0, 48.0, 64.0]
    assert case.members[2].module.seen.item() == 64.0


class Smoothed(Net):
    def training_step(self, batch, batch_idx):
        return cross_entropy(self.network(batch[0]), batch[1], label_smoothing=0.1)


class Weighted(Net):
    def __init__(self, network):
        super().__init__(network)
        self.register_buffer("weights", torch.arange(1.0, 11.0))

    def training_step(self, batch, batch_idx):
        return cross_entropy(self.network(batch[0]), batch[1], weight=self.weights)


@pytest.mark.parametrize("wrap", [Smoothed, Weighted])
def test_other_cross_entropies_are_computed_as_they_are(wrap):
    case = Case(lambda: perceptron().double(), wrap=lambda n: wrap(n).double())
    works = case.works(20)
    assert Group(case.members).steps(works)[0].alone is None
    case.run_plainly(works)
    assert max(case.differences()) < 1e-10


def test_examples_labelled_to_be_ignored_are_ignored():
    case = Case(lambda: perceptron().double())
    case.labels[::3] = -100
    works = case.works(20)
    assert Group(case.members).steps(works)[0].alone is None
    case.run_plainly(works)
    assert max(case.differences()) < 1e-10
