from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

from simplicity_sweep.fused import Member, Work, signature, why_not_fusable
from tests.fused.networks import Net, adam, perceptron, sgd


def member(network: nn.Module | None = None, optimizer=adam, **attributes) -> Member:
    module = Net(network or perceptron((4, 3, 10)))
    for name, value in attributes.items():
        setattr(module, name, value)
    return Member(module, optimizer(module.parameters(), lr=0.1))


def work(**changes) -> Work:
    usual = {
        "inputs": torch.zeros(8, 4),
        "labels": torch.zeros(8, dtype=torch.int64),
        "order": torch.arange(8),
        "batch_size": 4,
    }
    return Work(**{**usual, **changes})


USUAL = signature(member(), work())


@pytest.mark.parametrize(
    "same",
    [
        member(),
        member(optimizer=partial(adam, weight_decay=0.1, betas=(0.5, 0.6))),
        member(lr=3.0, seed=5),
        member(optimizer_factory=partial(torch.optim.Adam, lr=7.0)),
    ],
    ids=["weights", "optimiser's hyper-parameters", "their names as attributes", "an optimiser's factory"],
)
def test_what_members_of_a_group_may_differ_in_is_not_in_the_signature(same):
    reference = member(optimizer_factory=partial(torch.optim.Adam, lr=1.0))
    expected = USUAL if not hasattr(same.module, "optimizer_factory") else signature(reference, work())
    assert signature(same, work()) == expected


def test_hparams_are_compared_but_for_the_optimisers():
    def with_hparams(**hparams):
        return signature(member(_hparams=hparams), work())

    reference = with_hparams(lr=0.1, smoothing=0.1, network=perceptron((4, 3, 10)))
    assert with_hparams(lr=0.2, smoothing=0.1, network=perceptron((4, 3, 10))) == reference
    assert with_hparams(lr=0.1, smoothing=0.2, network=perceptron((4, 3, 10))) != reference


@pytest.mark.parametrize(
    "other",
    [
        member(perceptron((4, 5, 10))),
        member(perceptron((4, 3, 10), activation=nn.Tanh)),
        member(perceptron((4, 3, 10), activation=partial(nn.LeakyReLU, 0.1))),
        member(perceptron((4, 3, 10), extra=lambda _: nn.Dropout(0.1))),
        member(perceptron((4, 3, 10)).double()),
        member(optimizer=sgd),
        member(smoothing=0.1),
        member(reduce=torch.sum),
        Member((lambda m: m.eval() and m)(member().module), member().optimizer),
    ],
    ids=["width", "activation", "slope", "layer", "dtype", "optimiser", "constant", "function", "mode"],
)
def test_networks_whose_steps_differ_have_different_signatures(other):
    assert signature(other, work()) != USUAL


@pytest.mark.parametrize(
    "other",
    [
        work(batch_size=2),
        work(order=torch.arange(4)),
        work(inputs=torch.zeros(8, 4, dtype=torch.float64)),
        work(inputs=torch.zeros(8, 2, 2)),
        work(labels=torch.zeros(8)),
    ],
    ids=["batch size", "number of steps", "dtype", "shape", "labels"],
)
def test_works_whose_shapes_differ_have_different_signatures(other):
    assert signature(member(), other) != USUAL


def test_two_slopes_are_told_apart():
    slopes = [member(perceptron((4, 3, 10), activation=partial(nn.LeakyReLU, slope))) for slope in (0.1, 0.2)]
    assert signature(slopes[0], work()) != signature(slopes[1], work())


def frozen() -> Member:
    made = member()
    next(made.module.parameters()).requires_grad_(False)
    return made


def shared() -> Member:
    layer = nn.Linear(3, 3)
    module = Net(nn.Sequential(layer, layer))
    return Member(module, adam(module.parameters()))


def hooked() -> Member:
    made = member()
    next(made.module.parameters()).register_hook(lambda grad: grad)
    return made


def frozen_for_a_while(optimizer) -> Member:
    made = member(optimizer=optimizer)
    for p in list(made.module.parameters())[1:]:
        p.grad = torch.zeros_like(p)
    made.optimizer.step()
    return made


def forward_hooked() -> Member:
    made = member()
    made.module.network[0].register_forward_hook(lambda module, inputs, output: output * 1.001)
    return made


def two_groups() -> Member:
    module = Net(perceptron((4, 3, 10)))
    return Member(module, torch.optim.SGD([{"params": [p]} for p in module.parameters()], lr=0.1))


class LightningModule(nn.Module):
    def optimizer_step(self) -> None: ...


class Overriding(LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def optimizer_step(self) -> None: ...


@pytest.mark.parametrize(
    ("unfit", "text"),
    [
        (lambda: member(optimizer=torch.optim.Adagrad), "Adagrad"),
        (lambda: member(optimizer=partial(adam, amsgrad=True)), "amsgrad"),
        (lambda: member(optimizer=partial(sgd, maximize=True)), "maximize"),
        (lambda: member(optimizer=lambda p, lr: torch.optim.Adam(p, lr=torch.tensor(lr))), "lr is a tensor"),
        (two_groups, "4 parameter groups"),
        (lambda: Member(member().module, member().optimizer), "exactly the parameters"),
        (frozen, "network.0.weight is frozen"),
        (lambda: frozen_for_a_while(adam), "more steps with some parameters"),
        (lambda: frozen_for_a_while(partial(sgd, momentum=0.9)), "more steps with some parameters"),
        (shared, "share one parameter"),
        (hooked, "gradient hook"),
        (lambda: member(weights=torch.ones(3)), "the tensor in weights is neither"),
        (lambda: member(state={"seen": [torch.ones(3)]}), "the tensor in state is neither"),
        (lambda: member(others=[nn.Linear(2, 2)]), "the module in others is neither"),
        (forward_hooked, "network.0 has a forward or backward hook"),
        (lambda: Member(nn.Module(), sgd([nn.Parameter(torch.zeros(1))], lr=0.1)), "exactly the parameters"),
        (lambda: Member(o := Overriding(), sgd(o.parameters(), lr=0.1)), "overrides optimizer_step"),
        (lambda: member(nn.Linear(2, 2, dtype=torch.complex64), sgd), "complex64"),
    ],
)
def test_a_member_that_cannot_be_stacked_is_told_why(unfit, text):
    assert text in (why_not_fusable(unfit()) or "")


def test_an_ordinary_member_can_be_stacked():
    assert why_not_fusable(member()) is None
