from __future__ import annotations

import pytest
import torch
from torch import nn

from simplicity_sweep.fused import Member, Work, member_bytes
from simplicity_sweep.fused.stack import Stack
from tests.fused.networks import Net, adam, sgd


def test_what_an_owner_writes_stands_in_the_stack():
    stack = Stack([torch.Size([2, 3]), torch.Size([])], 4, torch.zeros(()))
    stack.owned[2][0].fill_(5)
    assert stack.stacked[0].sum(dim=(1, 2)).tolist() == [0, 0, 30, 0]


def test_an_owners_tensor_has_a_storage_of_its_own_size():
    stack = Stack([torch.Size([2, 3])], 4, torch.zeros(()))
    assert stack.owned[1][0].untyped_storage().nbytes() == 6 * 4


def test_a_value_is_copied_when_it_is_adopted_and_not_again():
    stack = Stack([torch.Size([2])], 2, torch.zeros(()))
    view = stack.adopt(1, 0, torch.tensor([1.0, 2.0]))
    assert stack.rows[1, :2].tolist() == [1, 2]
    assert stack.adopt(1, 0, view) is view


def test_a_tensor_of_another_shape_is_not_adopted():
    with pytest.raises(ValueError, match=r"\[2\], torch.float32, but got \[3\]"):
        Stack([torch.Size([2])], 1, torch.zeros(())).adopt(0, 0, torch.zeros(3))


@pytest.mark.parametrize("shape", [[0], [], [1], [16], [17, 3]])
def test_every_tensor_starts_on_a_cache_line(shape):
    stack = Stack([torch.Size([3]), torch.Size(shape), torch.Size([2])], 3, torch.zeros(()))
    for owned in stack.owned:
        assert all(t.data_ptr() % 64 == stack.rows.data_ptr() % 64 for t in owned if t.numel())


@pytest.mark.parametrize(("optimizer", "moments"), [(adam, 2), (sgd, 1)])
def test_a_members_bytes_are_its_parameters_and_moments_with_a_copy_its_batch_and_order(optimizer, moments):
    # 16 inputs, 16 outputs: 256 weights and 16 biases, all on cache lines; 8 examples a batch
    module = Net(nn.Linear(16, 16))
    member = Member(module, optimizer(module.parameters(), lr=0.1))
    work = Work(torch.zeros(32, 16), torch.zeros(32, dtype=torch.int64), torch.arange(32), 8)
    before = [p.data_ptr() for p in module.parameters()]
    least = 4 * 272 * (3 + 2 * moments) + 8 * (16 * 4 + 8) + 2 * 32 * 8
    # in between: logits, their logarithms and gradients, 8 x 16 each, and little else
    assert least + 8 * 16 * 4 <= member_bytes(member, work) <= least + 6 * 8 * 16 * 4
    assert [p.data_ptr() for p in module.parameters()] == before
