"""The parameters, gradients and buffers of several networks of one shape, stacked."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from simplicity_sweep.fused.stack import Stack


class NetworkStack:
    """`K` networks whose parameters and buffers are views of stacks.

    Args:
        modules: of one shape.
    """

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        self.module = modules[0]
        self.parameters = [list(module.parameters()) for module in modules]
        self._owned_buffers = [list(module.buffers()) for module in modules]
        shapes, first = [p.shape for p in self.parameters[0]], self.parameters[0][0]
        self.params = Stack(shapes, len(modules), first)
        self.grads = Stack(shapes, len(modules), first)
        # Without gaps: batch norm under vmap writes through a reshape of these, which must be the same memory.
        self._buffers = [Stack([b.shape], len(modules), b, alignment=1) for b in self._owned_buffers[0]]

    def __len__(self) -> int:
        return len(self.parameters)

    def adopt(self) -> None:
        """Makes every parameter and buffer a view of the stacks, with the content that its owner gave it."""
        for k, (params, buffers) in enumerate(zip(self.parameters, self._owned_buffers, strict=True)):
            for i, param in enumerate(params):
                param.data = self.params.adopt(k, i, param.data)
            for stack, buffer in zip(self._buffers, buffers, strict=True):
                buffer.data = stack.adopt(k, 0, buffer.data)

    def named(self, member: int | None = None) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Parameters and buffers by name: the stacks, or one member's part of them."""
        params = self.params.stacked if member is None else self.params.owned[member]
        buffers = [s.stacked[0] if member is None else s.owned[member][0] for s in self._buffers]
        return (
            dict(zip((name for name, _ in self.module.named_parameters()), params, strict=True)),
            dict(zip((name for name, _ in self.module.named_buffers()), buffers, strict=True)),
        )

    def gradients(self, member: int | None = None) -> list[Tensor]:
        """Where the gradients are written: the stacks, or one member's part of them."""
        return self.grads.stacked if member is None else self.grads.owned[member]

    def memory(self) -> list[Tensor]:
        """All that a step changes: the parameters and the buffers of every network."""
        return [self.params.rows, *(stack.rows for stack in self._buffers)]

    def buffer_values(self) -> list[Tensor]:
        """A copy of all buffers."""
        return [stack.rows.clone() for stack in self._buffers]

    def restore_buffers(self, values: Sequence[Tensor]) -> None:
        """Gives the buffers the values that `buffer_values` returned."""
        for stack, value in zip(self._buffers, values, strict=True):
            stack.rows.copy_(value)
