"""One job, from its configuration to its objective."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from pytorch_lightning.callbacks import ModelCheckpoint

from simplicity_sweep import artifacts
from simplicity_sweep.build import build_data, build_model, build_plan, device_of
from simplicity_sweep.callbacks import CarryConfig, Measure, RunProgress
from simplicity_sweep.config import check
from simplicity_sweep.fused.strategy import FusedStrategy
from simplicity_sweep.logger import RunLogger
from simplicity_sweep.preflight import resolve
from simplicity_sweep.record import place_in_sweep, settle, shown, start_run
from simplicity_sweep.tracking import recording

log = logging.getLogger(__name__)

logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
# Lightning 2.6 asks torch >= 2.13 about its trees in the old way; nobody but Lightning can mend it.
warnings.filterwarnings("ignore", message=r"`isinstance\(treespec, LeafSpec\)` is deprecated")


def run(cfg: DictConfig) -> float:
    """Trains, measures and tests one network; returns its accuracy on the validation set.

    Everything measured stands in the MLflow run whose id is in the job's folder, in the file `mlflow_run_id`.

    Raises:
        ConfigError: the configuration can't be run; nothing has been recorded.
        NotDelivered: of a single run whose store is away at its end; what it logged is kept in its folder.
    """
    config = resolve(cfg)
    check(config)
    folder = Path(HydraConfig.get().runtime.output_dir)
    tracked = start_run(config, folder)
    with recording(tracked):
        data = build_data(config)
        model = build_model(config, data)
        best = ModelCheckpoint(folder / "checkpoints", "best", monitor="val/loss")
        last = ModelCheckpoint(folder / "checkpoints", "last")
        measure = Measure(build_plan(config), config["measure"]["every_n_epochs"])
        strategy = FusedStrategy(device_of(config["trainer"]["accelerator"]))
        trainer = pl.Trainer(
            **config["trainer"],
            strategy=strategy,
            logger=RunLogger(tracked),
            callbacks=[measure, best, last, CarryConfig(shown(config)), RunProgress(place_in_sweep())],
            default_root_dir=folder,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            log_every_n_steps=1,
            inference_mode=False,  # some measurements take gradients
        )
        trainer.fit(model, data)
        objective = float(trainer.callback_metrics["val/accuracy"])
        tracked.hold_tags(
            {
                "checkpoint.best": best.best_model_path,
                "checkpoint.last": last.best_model_path,
                "fused": strategy.reason or "yes",
            }
        )
        trainer.test(model, data, verbose=False)
        tracked.hold_tags({f"undefined/{name}": reason for name, reason in measure.undefined.items()})
        if measure.paths:
            tracked.log_texts({artifacts.PATHS: json.dumps([asdict(path) for path in measure.paths])})
        log.info("%s, in MLflow run %s", _summary(trainer.callback_metrics), tracked.id)
    settle(tracked, folder)
    return objective


def _summary(metrics: Mapping[str, Any]) -> str:
    shown = {name: metrics.get(f"test/{name}") for name in ("accuracy", "lz76_path", "noise_l2_logits", "flip_rate")}
    figures = [f"{name} {float(value):.4g}" for name, value in shown.items() if value is not None]
    return f"test: {', '.join(figures)}"
