"""What the engine is given for one network, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn


class NotFusable(Exception):
    """A network, an optimiser or a training step that cannot be part of a stacked program; the text says why."""


@dataclass
class Member:
    """One network and its optimiser, to be trained in step with others.

    Args:
        module: has `training_step(batch, batch_idx)`, which returns the loss or `{"loss": loss}` and may call
            `self.log` and `self.log_dict`. A `LightningModule` needs no change.
        optimizer: holds exactly the parameters of `module`.
    """

    module: nn.Module
    optimizer: torch.optim.Optimizer


@dataclass
class Work:
    """The steps that one member shall do now.

    Args:
        inputs: `[N, ...]`; members usually share one tensor.
        labels: `[N]`, on the same device.
        order: `[M]`, int64: which example is used when. Batch `i` is `order[i * batch_size : (i + 1) * batch_size]`;
            the last batch may be shorter.
        batch_size: examples per step, 1 or more.
        first_batch: the `batch_idx` of the first step.
        rng: what dropout draws from, at the state that this member's own generator would have; after the steps it
            has advanced as that one would have. Needed by steps that draw random numbers.
        device: the module's; by default where the inputs lie. Inputs that lie elsewhere go there a few batches at a
            time.

    Raises:
        ValueError: if the lengths, the batch size or the places in `order` do not fit together.
    """

    inputs: Tensor
    labels: Tensor
    order: Tensor
    batch_size: int
    first_batch: int = 0
    rng: torch.Generator | None = None
    device: torch.device | None = None

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ValueError(f"Expected argument `batch_size` to be 1 or more, but got {self.batch_size}.")
        if self.order.dtype != torch.int64 or self.order.dim() != 1:
            raise ValueError(
                "Expected argument `order` to be a vector of int64 indices, but got "
                f"{list(self.order.shape)} of {self.order.dtype}. Make it with torch.randperm(len(inputs))."
            )
        if len(self.inputs) != len(self.labels):
            raise ValueError(
                f"Expected `inputs` and `labels` of one length, but got {len(self.inputs)} and {len(self.labels)}."
            )

        if len(self.order):
            lowest, highest = (int(place) for place in torch.stack(self.order.aminmax()).tolist())
            if lowest < 0 or highest >= len(self.inputs):
                raise ValueError(
                    f"Expected argument `order` to hold places from 0 to {len(self.inputs) - 1}, "
                    f"but got {lowest} to {highest}."
                )

    @property
    def where(self) -> torch.device:
        """The device on which the steps are made."""
        return self.inputs.device if self.device is None else self.device

    @property
    def steps(self) -> int:
        """Number of optimiser steps: the batches in `order`, a shorter last one included."""
        return -(-len(self.order) // self.batch_size)

    def batch_sizes(self) -> list[int]:
        """The sizes that batches have: the full one, then that of a shorter last one.

        >>> Work(torch.zeros(5, 2), torch.zeros(5), torch.arange(5), batch_size=2).batch_sizes()
        [2, 1]
        """
        full, short = divmod(len(self.order), self.batch_size)
        return [self.batch_size] * bool(full) + [short] * bool(short)

    def sizes(self) -> Tensor:
        """Number of examples in each step, int64 `[S]` on the CPU.

        >>> Work(torch.zeros(5, 2), torch.zeros(5), torch.arange(5), batch_size=2).sizes().tolist()
        [2, 2, 1]
        """
        sizes = torch.full((self.steps,), self.batch_size)
        if self.steps and len(self.order) % self.batch_size:
            sizes[-1] = len(self.order) % self.batch_size
        return sizes


@dataclass
class StepLog:
    """What one member's steps reported.

    Args:
        losses: `[S]`, the loss of each step, before its update.
        values: what `training_step` logged: by name, one value a step, `[S]`.
        options: by name, the keywords that came with the value (`on_epoch`, `prog_bar`, …).
        sizes: `[S]`, number of examples in each step.
        alone: why this member cannot be stacked; None of its steps has been made then. None if they have.
        error: the exception that ended this member's steps early, or None. The other members are not concerned.
    """

    losses: Tensor
    values: dict[str, Tensor] = field(default_factory=dict)
    options: dict[str, dict[str, Any]] = field(default_factory=dict)
    sizes: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.int64))
    alone: str | None = None
    error: Exception | None = None
