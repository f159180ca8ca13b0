"""Same-shaped tensors of several owners, kept as rows of one block of memory that all owners see."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

# Rows and the tensors in them start at multiples of this many elements, a cache line of float32: matrix products may
# sum in another order, and so give other bits, when an operand starts elsewhere.
ALIGNMENT = 16


class Stack:
    """`K` owners' tensors of the given shapes, side by side: one row an owner, in one allocation.

    Args:
        shapes: of one owner's tensors.
        members: `K`.
        like: gives dtype and device.
        alignment: where a tensor in a row may start, in elements; with 1 and one shape the stack has no gaps.

    >>> stack = Stack([torch.Size([2, 3]), torch.Size([])], members=4, like=torch.zeros(()))
    >>> [list(t.shape) for t in stack.stacked], list(stack.rows.shape)
    ([[4, 2, 3], [4]], [4, 32])
    """

    def __init__(self, shapes: Sequence[torch.Size], members: int, like: Tensor, alignment: int = ALIGNMENT) -> None:
        self.shapes = list(shapes)
        sizes = [math.prod(shape) for shape in shapes]
        self.offsets = [0]
        for size in sizes:
            self.offsets.append(self.offsets[-1] + -(-size // alignment) * alignment)
        self.rows = torch.zeros(members, self.offsets[-1], dtype=like.dtype, device=like.device)
        spans = list(zip(self.offsets, sizes, strict=False))
        self.stacked = [
            self.rows[:, start : start + size].view(members, *shape)
            for (start, size), shape in zip(spans, shapes, strict=True)
        ]
        self.owned = [[_own_storage(t[k]) for t in self.stacked] for k in range(members)]

    def adopt(self, member: int, index: int, value: Tensor) -> Tensor:
        """The stack's view for one tensor of one member; `value` is copied into it unless it is that view already."""
        view = self.owned[member][index]
        if value.data_ptr() != view.data_ptr() or value.device != view.device:
            if value.shape != view.shape or value.dtype != view.dtype:
                raise ValueError(
                    f"Expected a tensor of {list(view.shape)}, {view.dtype}, but got {list(value.shape)}, "
                    f"{value.dtype}: the network changed after its group was made. Make a new Group."
                )
            view.copy_(value)
        return view


def _own_storage(view: Tensor) -> Tensor:
    """The same memory as `view`, as a tensor whose storage is no larger than itself.

    Saving or copying a plain view would save or copy the storage behind it, with every other member in it.
    """
    return torch.utils.dlpack.from_dlpack(view) if view.numel() else view.clone()
