"""How Lightning's Trainer hands its optimiser steps to the engine."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint, ProgressBar
from pytorch_lightning.strategies import SingleDeviceStrategy
from pytorch_lightning.utilities.model_helpers import is_overridden

from simplicity_sweep.data import Batches
from simplicity_sweep.fused.engine import Engine, Steps
from simplicity_sweep.fused.member import Member, StepLog, Work
from simplicity_sweep.fused.rendezvous import in_meeting, meet

log = logging.getLogger(__name__)

CHUNK = 128
"""Optimiser steps between two returns to Lightning: few enough that a progress bar moves and Ctrl-C is heard, so many
that what Lightning costs (1.6 ms) is lost among them."""

BATCH_HOOKS = (
    "on_train_batch_start",
    "on_train_batch_end",
    "on_before_zero_grad",
    "on_before_backward",
    "on_after_backward",
    "on_before_optimizer_step",
)
MODULE_HOOKS = (
    *BATCH_HOOKS,
    "backward",
    "optimizer_step",
    "optimizer_zero_grad",
    "configure_gradient_clipping",
    "on_before_batch_transfer",
    "transfer_batch_to_device",
    "on_after_batch_transfer",
)


class FusedStrategy(SingleDeviceStrategy):
    """A single device whose training steps are done by the engine, many at a time.

    The module stays an ordinary LightningModule; callbacks, loggers, checkpoints, `global_step` and validation are
    Lightning's own. Whatever asks to see every single step (a hook of a callback or of the module, gradient clipping,
    accumulation, another precision …) gets Lightning's ordinary loop instead, and `reason` says why.

    Attributes:
        reason: why this fit's steps are not part of a stacked program; None if they are, or before a fit.
    """

    strategy_name = "fused"

    def __init__(self, device: torch.device) -> None:
        super().__init__(device=device)
        self.reason: str | None = None
        self._engine = Engine()
        self._drives = False

    def process_dataloader(self, dataloader: object) -> object:
        """The training batches in chunks; any other loader as it is."""
        if not isinstance(dataloader, Batches):
            return dataloader
        module = self.lightning_module
        assert module is not None
        self.reason = _needs_every_step(module.trainer, module)
        if self.reason is not None:
            log.info("Lightning's ordinary training loop is used: %s.", self.reason)
            return dataloader
        self._drives = True
        module.automatic_optimization = False
        return Chunks(dataloader, len(dataloader) if in_meeting() else CHUNK)

    def training_step(self, *args: Any, **kwargs: Any) -> Any:
        """All steps of a chunk; an ordinary batch goes Lightning's ordinary way."""
        if not isinstance(args[0], Chunk):
            return super().training_step(*args, **kwargs)
        module = self.lightning_module
        assert module is not None
        work = args[0].work()
        steps = meet(Steps(Member(module, self.optimizers[0]), work), self._engine)
        assert work.rng is not None
        _advance_global_generator(work.rng)
        if steps.alone is not None and self.reason is None:
            log.info("This run is not stacked: %s.", steps.alone)
        self.reason = steps.alone
        _count_steps(module.trainer, len(steps.sizes))
        _replay(module, steps)
        if args[0].stop == len(args[0].batches):
            _step_schedulers(module.trainer, module)
        return None

    def teardown(self) -> None:
        """Gives the module back as an ordinary one."""
        if self._drives and self.lightning_module is not None:
            self.lightning_module.automatic_optimization = True
        self._drives = False
        self._engine = Engine()
        super().teardown()


@dataclass(eq=False)
class Chunk:
    """Successive training batches, as places in the epoch's order."""

    batches: Batches
    start: int
    stop: int

    def work(self) -> Work:
        """The same for the engine. What dropout draws is what the global generator would draw now."""
        split, size = self.batches.split, self.batches.batch_size
        device = split.inputs.device
        return Work(
            split.inputs,
            split.labels,
            self.batches.order()[self.start * size : self.stop * size],
            size,
            first_batch=self.start,
            rng=_global_generator(device),
        )


class Chunks:
    """A training loader cut into chunks of at most `size` batches; Lightning sets the epoch through `sampler`."""

    def __init__(self, batches: Batches, size: int) -> None:
        self.batches = batches
        self.size = size

    @property
    def sampler(self) -> Batches:
        """Who is told which epoch begins."""
        return self.batches

    def __len__(self) -> int:
        return -(-len(self.batches) // self.size)

    def __iter__(self) -> Iterator[Chunk]:
        for start in range(0, len(self.batches), self.size):
            yield Chunk(self.batches, start, min(start + self.size, len(self.batches)))


def _global_generator(device: torch.device) -> torch.Generator:
    state = torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()
    generator = torch.Generator(device)
    generator.set_state(state)
    return generator


def _advance_global_generator(generator: torch.Generator) -> None:
    if generator.device.type == "cuda":
        torch.cuda.set_rng_state(generator.get_state(), generator.device)
    else:
        torch.set_rng_state(generator.get_state())


def _count_steps(trainer: pl.Trainer, steps: int) -> None:
    """Moves `global_step` on. Lightning counts calls of `optimizer.step`, which the engine doesn't make."""
    progress = trainer.fit_loop.epoch_loop.manual_optimization.optim_step_progress
    progress.total.increment_by(steps)
    progress.current.increment_by(steps)


def _step_schedulers(trainer: pl.Trainer, module: pl.LightningModule) -> None:
    """Moves the learning rates on at an epoch's end. Lightning leaves that to modules that optimise by hand."""
    for config in trainer.lr_scheduler_configs:
        config.scheduler.optimizer._opt_called = True  # type: ignore[attr-defined]  # else torch warns that it saw no step
        if (trainer.current_epoch + 1) % config.frequency == 0:
            module.lr_scheduler_step(config.scheduler, None)


def _replay(module: pl.LightningModule, steps: StepLog) -> None:
    """Logs what the steps logged: the mean over their examples, which makes Lightning's mean over the epoch that over
    all its examples; of a value that is shown step by step the last one."""
    weights = steps.sizes.to(torch.float64)
    for name, values in steps.values.items():
        options = steps.options[name]
        over_epoch = options.get("on_epoch", False)
        mean = (values.to(torch.float64).cpu() @ weights / weights.sum()).to(values.dtype)
        module.log(name, mean if over_epoch else values[-1], **{**options, "batch_size": int(weights.sum())})


def _needs_every_step(trainer: pl.Trainer, module: pl.LightningModule) -> str | None:
    """Why Lightning's own loop must do each step, or None."""
    settings = {
        "gradient_clip_val": trainer.gradient_clip_val,
        "accumulate_grad_batches": trainer.accumulate_grad_batches != 1,
        "overfit_batches": trainer.overfit_batches,  # type: ignore[attr-defined]
        "limit_train_batches": trainer.limit_train_batches != 1.0,
        "val_check_interval": trainer.val_check_interval != 1.0,
        "max_steps": trainer.max_steps != -1,
        "precision": not trainer.precision.endswith("-true"),
        "detect_anomaly": trainer._detect_anomaly,
    }
    if chosen := [name for name, value in settings.items() if value]:
        return f"trainer.{chosen[0]} is set"
    if not module.automatic_optimization:
        return f"{type(module).__name__} optimises by hand"
    if hook := next((hook for hook in MODULE_HOOKS if is_overridden(hook, module)), None):
        return f"{type(module).__name__} overrides {hook}"
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        hook = next((hook for hook in BATCH_HOOKS if is_overridden(hook, callback)), None)
        if hook is not None and not _is_at_ease_with_chunks(callback):
            return f"{type(callback).__name__} overrides {hook}"
    if len(trainer.optimizers) != 1:
        return f"there are {len(trainer.optimizers)} optimisers"
    if any(config.interval == "step" for config in trainer.lr_scheduler_configs):
        return "a learning rate scheduler goes by steps"
    if any(config.reduce_on_plateau for config in trainer.lr_scheduler_configs):
        return "a learning rate scheduler waits for a metric"
    return None


def _is_at_ease_with_chunks(callback: pl.Callback) -> bool:
    """Whether a callback with a hook for every batch may be called once for many of them."""
    if isinstance(callback, ModelCheckpoint):
        return not callback._every_n_train_steps and callback._train_time_interval is None
    return isinstance(callback, ProgressBar)
