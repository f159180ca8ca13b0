"""One training step made by a copy, which shows what a trace would not see."""

from __future__ import annotations

import random
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from simplicity_sweep.fused.capture import Logged, captured_logs, training_loss
from simplicity_sweep.fused.contents import contents
from simplicity_sweep.fused.member import Member, NotFusable, Work
from simplicity_sweep.fused.reads import left_out
from simplicity_sweep.fused.template import NoBatchIndex, template


@dataclass(frozen=True)
class Rehearsal:
    """What the step showed.

    Args:
        read: the settings that it read and that the signature leaves out.
        reason: why no program can hold it, or None.
        failed: whether the step raised an error of its own, which need not concern the next one like it.
    """

    read: frozenset[str]
    reason: str | None
    failed: bool


def rehearse(member: Member, work: Work) -> Rehearsal:
    """Makes the first step of `work` with a copy of the module; neither it nor any random state is changed.

    A step cannot be stacked that looks at the batch's number or at the trainer, that draws from Python's or NumPy's
    generator, that changes what is neither a parameter nor a buffer, or that fails.
    """
    notes: set[str] = set()
    module = template(member.module, notes)
    rows = work.order[: work.batch_size].to(work.inputs.device)
    batch = (work.inputs.index_select(0, rows).to(work.where), work.labels.index_select(0, rows).to(work.where))
    before = _attributes(module)
    reason, failed = None, False
    try:
        with _own_random_states(work.where), torch.enable_grad(), captured_logs(module) as logged:
            training_loss(module, batch, NoBatchIndex())
        _refuse_changes(before, _attributes(module))
        _refuse_weights(logged, len(rows))
    except Exception as error:
        reason, failed = in_words(error), not isinstance(error, NotFusable)
    return Rehearsal(left_out(member, notes), reason, failed)


def in_words(error: Exception) -> str:
    """Why a step cannot be stacked, from what trying it raised."""
    if isinstance(error, NotFusable):
        return str(error)
    text = str(error).strip().partition("\n")[0]
    if type(error).__name__ in ("GuardOnDataDependentSymNode", "DataDependentOutputException") or (
        "data-dependent" in text
    ):
        return "training_step looks at the values of a tensor: a branch on the data, or .item()"
    return f"training_step cannot be stacked: {type(error).__name__}: {text}"


@contextmanager
def _own_random_states(device: torch.device) -> Iterator[None]:
    """Gives torch's, Python's and NumPy's random states back.

    Raises:
        NotFusable: if the block has drawn from Python's or NumPy's.
    """
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            yield
        if random.getstate() != python:
            raise NotFusable("training_step draws from Python's random generator; torch's can be stacked")
        if contents(np.random.get_state()) != contents(numpy):
            raise NotFusable("training_step draws from NumPy's random generator; torch's can be stacked")
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


def _attributes(module: nn.Module) -> dict[str, Hashable]:
    """What each part holds outside parameters and buffers, by path."""
    return {
        f"{path}.{name}".lstrip("."): contents(value)
        for path, part in module.named_modules()
        for name, value in vars(part).items()
        if name not in ("_parameters", "_buffers", "_modules")
    }


def _refuse_changes(before: dict[str, Hashable], after: dict[str, Hashable]) -> None:
    names = before.keys() | after.keys()
    if changed := sorted(name for name in names if name not in before or before[name] != after.get(name)):
        raise NotFusable(f"training_step changes the attribute {changed[0]}, which is neither parameter nor buffer")


def _refuse_weights(logged: Logged, size: int) -> None:
    for name, options in logged.options.items():
        if options.get("batch_size") not in (None, size):
            raise NotFusable(f"training_step logs `{name}` with another batch_size than the batch's")
