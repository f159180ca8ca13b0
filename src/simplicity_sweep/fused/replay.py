"""Leaves Lightning, after many steps at once, as it would be after it had made each of them."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl

from simplicity_sweep.fused.member import StepLog


def fast_forward(trainer: pl.Trainer, steps: int) -> None:
    """Before a chunk of so many steps is handed out: what is to come is, for Lightning, the last of its batches."""
    loop = trainer.fit_loop.epoch_loop
    skipped = steps - 1
    fetcher = trainer.fit_loop._data_fetcher
    assert fetcher is not None
    fetcher.fetched += skipped
    loop.batch_progress.increment_by(skipped)
    loop._batches_that_stepped += skipped
    counted = loop.automatic_optimization.optim_progress.optimizer
    counted.step.increment_by(steps)
    counted.zero_grad.increment_by(steps)
    trainer.optimizers[0]._opt_called = True  # type: ignore[attr-defined]  # else its schedulers warn that it never stepped


def log_steps(module: pl.LightningModule, steps: StepLog) -> None:
    """Logs what the steps logged.

    A mean over the epoch needs one call, with the mean over the steps' examples. Values that are shown step by step go
    to the loggers at the steps at which Lightning would have sent them; any other reduction sees every step.
    """
    loop = module.trainer.fit_loop.epoch_loop
    connector = module.trainer._logger_connector
    last = len(steps.sizes) - 1
    end = loop._batches_that_stepped
    every = any(_needs_every_value(options) for options in steps.options.values())
    shown = any(_on_step(options) for options in steps.options.values())
    for step in range(last if every or shown else 0):
        loop._batches_that_stepped = end - last + step
        due = connector.should_update_logs
        for name, options in steps.options.items():
            if _needs_every_value(options) or (due and _on_step(options)):
                _log_value(module, name, steps, step)
        if due:
            connector.update_train_step_metrics()
    loop._batches_that_stepped = end
    for name, options in steps.options.items():
        if _needs_every_value(options) or _on_step(options):
            _log_value(module, name, steps, last)
        else:
            _log_mean(module, name, steps)


def _on_step(options: dict[str, Any]) -> bool:
    """Whether a value is shown step by step, as is Lightning's default in `training_step`."""
    chosen = options.get("on_step")
    return True if chosen is None else bool(chosen)


def _needs_every_value(options: dict[str, Any]) -> bool:
    plain_mean = options.get("reduce_fx", "mean") == "mean"
    return bool(options.get("on_epoch")) and (_on_step(options) or not plain_mean)


def _log_value(module: pl.LightningModule, name: str, steps: StepLog, step: int) -> None:
    options = {**steps.options[name], "batch_size": int(steps.sizes[step])}
    module.log(name, steps.values[name][step], **options)


def _log_mean(module: pl.LightningModule, name: str, steps: StepLog) -> None:
    """The mean over the steps' examples, which makes Lightning's mean over the epoch that over all its examples."""
    values, weights = steps.values[name], steps.sizes.double()
    mean = (values.double().cpu() @ weights / weights.sum()).to(values.dtype)
    module.log(name, mean, **{**steps.options[name], "batch_size": int(weights.sum())})
