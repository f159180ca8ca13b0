from __future__ import annotations

from functools import partial

import torch
from torch import nn

from simplicity_sweep.fused import Group, Member
from tests.fused.networks import Case, Net, adam, perceptron


def test_a_member_with_two_parameter_groups_is_stepped_alone_to_the_bit():
    def two_groups(parameters, lr):
        first, *others = parameters
        return torch.optim.Adam([{"params": [first], "lr": 10 * lr}, {"params": others}], lr=lr)

    case = Case(partial(perceptron, extra=lambda _: nn.Dropout(0.3)), two_groups, members=1)
    works = case.works(20, short=5)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        log = Group(case.members).steps(works)[0]
    finally:
        torch.set_num_threads(threads)
    losses = case.run_plainly(works)
    assert "2 parameter groups" in log.alone
    assert case.differences() == [0.0]
    assert log.losses.tolist() == losses[0]
    assert log.values.keys() == {"train/loss", "accuracy", "constant"}
    assert log.options["train/loss"] == {"on_epoch": True}
    assert log.sizes.tolist() == [16] * 20 + [5]
    assert torch.equal(case.rngs[0].get_state(), case.plain_rngs[0].get_state())


class Failing(Net):
    """Fails at its third step."""

    steps = 0

    def training_step(self, batch, batch_idx):
        self.steps += 1
        if self.steps == 3:
            raise RuntimeError("third step")
        return super().training_step(batch, batch_idx)


def test_an_error_ends_the_members_own_steps_and_is_reported():
    module = Failing(perceptron())
    case = Case(perceptron, members=1)
    log = Group([Member(module, adam(module.parameters(), lr=1e-3))]).steps(case.works(5))[0]
    assert str(log.error) == "third step"
    assert len(log.losses) == len(log.sizes) == 2


class Seen(Net):
    """Remembers the numbers of its batches."""

    def training_step(self, batch, batch_idx):
        self.numbers = [*getattr(self, "numbers", []), batch_idx]
        return super().training_step(batch, batch_idx)


def test_batches_are_numbered_from_the_first_one_on():
    module = Seen(perceptron())
    work = Case(perceptron, members=1).works(3)[0]
    work.first_batch = 7
    Group([Member(module, adam(module.parameters(), lr=1e-3))]).steps([work])
    assert module.numbers == [7, 8, 9]


def test_a_member_alone_does_not_touch_the_default_generator():
    module = Seen(perceptron(extra=lambda _: nn.Dropout(0.5)))
    case = Case(perceptron, members=1)
    before = torch.get_rng_state()
    Group([Member(module, adam(module.parameters(), lr=1e-3))]).steps(case.works(3))
    assert torch.equal(torch.get_rng_state(), before)
