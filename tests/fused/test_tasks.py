"""Runs of every task train as one, and get what a plain loop gives each alone."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from simplicity_sweep.fused import Group
from simplicity_sweep.multilabel import MultilabelClassifier
from simplicity_sweep.regressor import Regressor
from tests.fused.networks import EXAMPLES, Case, perceptron


class Unlogged:
    """What no trainer listens to."""

    def log(self, name: str, value: Tensor, **options: Any) -> None: ...


class Numbers(Unlogged, Regressor):
    """Three targets, of scales that have to be taken out."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__(network, torch.optim.Adam, torch.tensor([5.0, -200.0, 0.0]), torch.tensor([1.0, 30.0, 0.1]))


class Sets(Unlogged, MultilabelClassifier):
    """Three labels."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__(network, torch.optim.Adam, 3)


def numbers(case: Case) -> Tensor:
    drawn = torch.randn(EXAMPLES, 3, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    module: Any = case.members[0].module
    return drawn * module.std + module.mean


def sets(case: Case) -> Tensor:
    return (torch.rand(EXAMPLES, 3, generator=torch.Generator().manual_seed(5)) < 0.3).double()


@pytest.mark.parametrize(("module", "targets"), [(Numbers, numbers), (Sets, sets)])
def test_in_float64_a_member_is_within_1e_8_of_a_plain_loop_after_200_steps(module, targets):
    case = Case(lambda: perceptron((8, 16, 8, 3), nn.Tanh), wrap=lambda network: module(network).double())
    case.labels = targets(case)
    works = case.works(200, short=5)
    logs = Group(case.members).steps(works)
    case.run_plainly(works)
    assert [log.alone or log.error for log in logs] == [None] * 3
    assert max(case.differences()) < 1e-8


def test_the_scale_of_the_targets_is_not_trained():
    case = Case(partial(perceptron, (8, 16, 3)), wrap=lambda network: Numbers(network).double())
    case.labels = numbers(case)
    before = [member.module.state_dict()["std"].clone() for member in case.members]
    Group(case.members).steps(case.works(20))
    for member, std in zip(case.members, before, strict=True):
        assert torch.equal(member.module.state_dict()["std"], std)
