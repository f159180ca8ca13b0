"""Networks are stepped by one program only where that leaves every bit as it is."""

from __future__ import annotations

from functools import partial

import pytest
from torch import nn

from simplicity_sweep.fused.binding import bind
from simplicity_sweep.fused.network import NetworkStack
from simplicity_sweep.fused.signature import structure
from tests.fused.networks import Case, perceptron


@pytest.mark.parametrize(
    ("build", "batch_size", "programs"),
    [
        (perceptron, 16, 1),
        (partial(perceptron, activation=nn.Tanh), 32, 1),
        (partial(perceptron, extra=lambda _: nn.Dropout(0.5)), 16, 1),
        (partial(perceptron, (64, 32, 10)), 17, 3),  # 17 x 10 logits do not fill vectors of 32
        (partial(perceptron, (3, 2, 10)), 16, 3),  # 16 x 3 x 2 multiply-adds: too few for the matrix library
        (partial(perceptron, extra=nn.BatchNorm1d), 16, 3),  # not known to keep bits
    ],
    ids=["relu", "tanh", "dropout", "odd batch", "tiny product", "batch norm"],
)
def test_one_program_steps_all_members_only_where_it_keeps_their_bits(build, batch_size, programs):
    case = Case(build, batch_size=batch_size)
    networks = NetworkStack([member.module for member in case.members])
    bindings = bind(networks, structure(case.members[0]), case.works(1), batch_size)
    assert len(bindings) == programs
