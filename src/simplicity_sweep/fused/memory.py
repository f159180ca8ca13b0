"""What a member of a group costs in memory."""

from __future__ import annotations

import torch

from simplicity_sweep.fused.binding import bind
from simplicity_sweep.fused.member import Member, Work
from simplicity_sweep.fused.network import NetworkStack
from simplicity_sweep.fused.verdict import program_key


def member_bytes(member: Member, work: Work) -> int:
    """Bytes on the device that each member of a group takes while it does `work`, beside the data that all share.

    Its parameters, their gradients and the optimiser's moments, the buffers, a copy of all of them but the gradients, a
    batch, the same once more where the data lie elsewhere, the order of the examples, and what a step computes in
    between. The member itself is left as it is.

    Args:
        member: one that can be stacked.
        work: the steps; only shapes and sizes matter.

    Raises:
        Exception: whatever tracing the step raises, if it cannot be stacked.
    """
    networks = NetworkStack([member.module])
    size = min(work.batch_size, len(work.order))
    (binding,) = bind(networks, program_key(member), [work], size)
    moments = 1 if isinstance(member.optimizer, torch.optim.SGD) else 2
    example = work.inputs[0].nbytes + work.labels[0].nbytes
    return (
        networks.params.rows.nbytes * (3 + 2 * moments)
        + 2 * sum(buffer.nbytes for buffer in networks.memory()[1:])
        + 2 * size * example
        + 2 * work.order.nbytes
        + binding.program.scratch_bytes
    )
