"""What makes Lightning's own loop do each step of a fit."""

from __future__ import annotations

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ModelCheckpoint, ProgressBar
from pytorch_lightning.utilities.model_helpers import is_overridden

from simplicity_sweep.fused.signature import STEP_HOOKS

_CALLBACK_HOOKS = (
    "on_train_batch_start",
    "on_train_batch_end",
    "on_before_zero_grad",
    "on_before_backward",
    "on_after_backward",
    "on_before_optimizer_step",
)


def why_every_step(trainer: pl.Trainer, module: pl.LightningModule) -> str | None:
    """Why Lightning's own loop must do each step, or None."""
    settings = {
        "gradient_clip_val": trainer.gradient_clip_val,
        "accumulate_grad_batches": trainer.accumulate_grad_batches != 1,
        "overfit_batches": trainer.overfit_batches,  # type: ignore[attr-defined]
        "limit_train_batches": not _is_all(trainer.limit_train_batches),
        "val_check_interval": not _is_all(trainer.val_check_interval),
        "max_steps": trainer.max_steps != -1,
        "precision": trainer.precision != "32-true",
        "detect_anomaly": trainer._detect_anomaly,
    }
    if chosen := [name for name, value in settings.items() if value]:
        return f"trainer.{chosen[0]} is set"
    if trainer.fit_loop._skip_backward:
        return "a callback has the backward pass skipped"
    if not module.automatic_optimization:
        return f"{type(module).__name__} optimises by hand"
    if hook := next((hook for hook in STEP_HOOKS if is_overridden(hook, module)), None):
        return f"{type(module).__name__} overrides {hook}"
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        hook = next((hook for hook in _CALLBACK_HOOKS if is_overridden(hook, callback)), None)
        if hook is not None and not _is_at_ease_with_chunks(callback):
            return f"{type(callback).__name__} overrides {hook}"
    if len(trainer.optimizers) != 1:
        return f"there are {len(trainer.optimizers)} optimisers"
    if any(config.interval == "step" for config in trainer.lr_scheduler_configs):
        return "a learning rate scheduler goes by steps"
    return None


def _is_all(share: object) -> bool:
    """Whether a share of an epoch is the whole: 1.0 is, 1 is a single batch."""
    return isinstance(share, float) and share == 1.0


def _is_at_ease_with_chunks(callback: pl.Callback) -> bool:
    """Whether a callback with a hook for every batch may be called once for many of them."""
    if isinstance(callback, ModelCheckpoint):
        own = type(callback).on_train_batch_end is not ModelCheckpoint.on_train_batch_end
        return not own and not callback._every_n_train_steps and callback._train_time_interval is None
    return isinstance(callback, ProgressBar)
