"""A member of a group gets what a plain loop of `training_step`, `backward` and `optimizer.step` gives it alone."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

from simplicity_sweep.fused import Group
from tests.fused.networks import Case, Net, adam, adamw, damped, difference, momentum, perceptron, sgd

STEPS = 200


@pytest.mark.parametrize(
    ("activation", "optimizer"),
    [
        (nn.ReLU, adam),
        (nn.LeakyReLU, adam),
        (nn.Tanh, adam),
        (nn.Sigmoid, adam),
        (nn.ReLU, adamw),
        (nn.Tanh, sgd),
        (nn.ReLU, momentum),
        (nn.Sigmoid, damped),
    ],
)
def test_a_perceptron_gets_the_bits_of_a_plain_loop(activation, optimizer):
    case = Case(partial(perceptron, activation=activation), optimizer)
    works = case.works(STEPS)
    logs = Group(case.members).steps(works)
    case.run_plainly(works)
    assert [log.alone or log.error for log in logs] == [None] * 3
    assert case.differences() == [0.0] * 3


@pytest.mark.parametrize(
    ("sizes", "batch_size"),
    [((64, 10), 16), ((64, *[16] * 6, 10), 16), ((20, 7, 5, 10), 1), ((20, 7, 5, 10), 17), ((3, 2, 10), 5)],
)
def test_depth_width_and_batch_size_do_not_cost_a_bit(sizes, batch_size):
    case = Case(partial(perceptron, sizes), batch_size=batch_size)
    works = case.works(30)
    Group(case.members).steps(works)
    case.run_plainly(works)
    assert case.differences() == [0.0] * 3


class Weighted(Net):
    """Its loss counts the classes differently, by a buffer, as `Classifier`'s does."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__(network)
        self.register_buffer("weights", torch.linspace(0.3, 2.7, 10), persistent=False)

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], batch_idx: int) -> torch.Tensor:
        inputs, labels = batch
        return nn.functional.cross_entropy(self.network(inputs), labels, self.weights)


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh])
def test_class_weights_do_not_cost_a_bit(activation):
    case = Case(partial(perceptron, activation=activation), wrap=Weighted)
    works = case.works(STEPS, short=5)
    logs = Group(case.members).steps(works)
    case.run_plainly(works)
    assert [log.alone or log.error for log in logs] == [None] * 3
    assert case.differences() == [0.0] * 3


def test_dropout_draws_what_each_member_alone_would_draw():
    case = Case(partial(perceptron, extra=lambda _: nn.Dropout(0.3)))
    works = case.works(STEPS, short=5)
    logs = Group(case.members).steps(works)
    case.run_plainly(works)
    assert [log.alone or log.error for log in logs] == [None] * 3
    assert case.differences() == [0.0] * 3
    for ours, theirs in zip(case.rngs, case.plain_rngs, strict=True):
        assert torch.equal(ours.get_state(), theirs.get_state())


@pytest.mark.parametrize("activation", [nn.Tanh, nn.SiLU])
def test_a_member_gets_the_same_bits_and_losses_whoever_shares_its_group(activation):
    together = Case(partial(perceptron, activation=activation), members=5)
    alone = Case(partial(perceptron, activation=activation), members=5)
    logs = Group(together.members).steps(together.works(40, short=5))
    for k, (member, work) in enumerate(zip(alone.members, alone.works(40, short=5), strict=True)):
        log = Group([member]).steps([work])[0]
        assert difference(member.module, together.members[k].module) == 0
        assert torch.equal(log.losses, logs[k].losses)
        assert torch.equal(log.values["accuracy"], logs[k].values["accuracy"])


def test_a_run_repeated_gives_the_same_bits():
    first, second = (Case(partial(perceptron, activation=nn.SiLU), members=8) for _ in range(2))
    for case in (first, second):
        Group(case.members).steps(case.works(40))
    for one, other in zip(first.members, second.members, strict=True):
        assert difference(one.module, other.module) == 0


@pytest.mark.parametrize(("optimizer", "rate"), [(adam, 100.0), (adam, float("inf")), (momentum, 100.0)])
def test_a_member_that_diverges_does_not_change_its_neighbours(optimizer, rate):
    case = Case(perceptron, optimizer, members=4, rates=(1e-3, rate, 1e-2, rate))
    works = case.works(40)
    Group(case.members).steps(works)
    case.run_plainly(works)
    assert [case.differences()[k] for k in (0, 2)] == [0.0, 0.0]
    broken = next(case.members[1].module.parameters())
    assert rate != float("inf") or not broken.isfinite().all()


def test_losses_and_logged_values_are_those_of_each_step():
    case = Case(perceptron)
    works = case.works(20, short=5)
    logs = Group(case.members).steps(works)
    for log, expected in zip(logs, case.run_plainly(works), strict=True):
        torch.testing.assert_close(log.losses, torch.tensor(expected), rtol=1e-6, atol=1e-6)
        assert torch.equal(log.values["train/loss"], log.losses)
        assert log.values["constant"].tolist() == [3.0] * 21
        # accuracies of 16 examples are sixteenths, the last one's of 5 are fifths
        assert all((v * 16) % 1 == 0 for v in log.values["accuracy"][:20].tolist())
        assert (log.values["accuracy"][20] * 5).round(decimals=5) % 1 == 0
        assert log.options == {
            "train/loss": {"on_epoch": True},
            "accuracy": {"prog_bar": True},
            "constant": {"prog_bar": True},
        }
        assert log.sizes.tolist() == [16] * 20 + [5]
