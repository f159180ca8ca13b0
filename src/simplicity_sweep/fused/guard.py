"""Compares a member's loss in the stacked program with its own."""

from __future__ import annotations

import torch
from torch import Tensor

from simplicity_sweep.fused.capture import captured_logs, training_loss
from simplicity_sweep.fused.member import Member, Work
from simplicity_sweep.fused.randomness import drawing_from
from simplicity_sweep.fused.rehearsal import in_words
from simplicity_sweep.memory import is_out_of_memory

# A sum of n terms, taken in another order, differs by about the square root of n roundings: a hundred of them leave
# room for the ten thousand terms of a wide layer or a large batch, and for nothing that is another computation.
_ROUNDINGS = 100


def problem(member: Member, batch: tuple[Tensor, Tensor], work: Work, stacked: float | None) -> str | None:
    """Why the member cannot stay in the stacked program, which gives it the loss `stacked`, or None.

    Where the program has failed (None), only a member that fails by itself cannot stay.

    Its own `training_step` is asked for the loss of the same batch; nothing is updated but its buffers, and `work.rng`
    advances.
    """
    try:
        own = _own_loss(member, batch, work)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        return in_words(error)
    if stacked is None:
        return None
    tolerance = _ROUNDINGS * torch.finfo(next(member.module.parameters()).dtype).eps
    same = stacked == own or abs(stacked - own) <= tolerance * max(abs(own), 1.0) or (stacked != stacked and own != own)
    return None if same else f"the stacked program gives a loss of {stacked:.9g}, its own training_step {own:.9g}"


def _own_loss(member: Member, batch: tuple[Tensor, Tensor], work: Work) -> float:
    with torch.enable_grad(), drawing_from(work.rng), captured_logs(member.module):
        return training_loss(member.module, batch, work.first_batch).item()
