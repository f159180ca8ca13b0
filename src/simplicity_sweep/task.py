"""One job, from its configuration to its objective."""

from __future__ import annotations

import json
import logging
import sys
import warnings
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytorch_lightning as pl
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig
from pytorch_lightning.callbacks import ModelCheckpoint

from simplicity_sweep import artifacts
from simplicity_sweep.build import answer_of, build_data, build_model, build_plan, device_of
from simplicity_sweep.callbacks import CarryConfig, CarryProgress, Measure, RunProgress, StopDiverged, StopPruned
from simplicity_sweep.checkpoints import FOLDER, LAST
from simplicity_sweep.config import check
from simplicity_sweep.fused.ambient import process_ambients, surroundings
from simplicity_sweep.fused.rendezvous import in_meeting
from simplicity_sweep.fused.strategy import FusedStrategy
from simplicity_sweep.heartbeat import beating
from simplicity_sweep.logger import RunLogger
from simplicity_sweep.portrait import data_tags, keep_portrait
from simplicity_sweep.preflight import resolve
from simplicity_sweep.record import begin_run, place_in_sweep, settle, shown
from simplicity_sweep.recording import recording
from simplicity_sweep.status import PRUNED
from simplicity_sweep.tasks import TASKS, Task
from simplicity_sweep.termination import exit_status, interrupts_as_raised, terminated_like_interrupted
from simplicity_sweep.trust import refuse_untrusted

if TYPE_CHECKING:
    from simplicity_sweep.search.pruner import Judge

log = logging.getLogger(__name__)

logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
# A run is one process, in Slurm's jobs too.
warnings.filterwarnings("ignore", message="The `srun` command is available")
# A run that goes on writes where it wrote before.
warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")
# Lightning 2.6 asks torch >= 2.13 about its trees in the old way; nobody but Lightning can mend it.
warnings.filterwarnings("ignore", message=r"`isinstance\(treespec, LeafSpec\)` is deprecated")


def run(cfg: DictConfig) -> float:
    """Trains, measures and tests one network; returns the headline figure of its task on the validation set.

    Everything measured stands in the MLflow run whose id is in the job's folder, in the file `mlflow_run_id`.

    Raises:
        ConfigError: the configuration can't be run; nothing has been recorded.
        SystemExit: Ctrl-C or SIGTERM, in a single run; a job of a sweep raises what it was interrupted by.
        NotDelivered: of a single run whose store is away at its end; what it logged is kept in its folder.
    """
    try:
        with terminated_like_interrupted(), interrupts_as_raised(), _surroundings_kept():
            return _run(cfg)
    except KeyboardInterrupt as interruption:
        if HydraConfig.get().mode == RunMode.RUN:
            sys.exit(exit_status(interruption))
        raise


def _surroundings_kept() -> AbstractContextManager[None]:
    """What a job changes of its process is put back for the next one; where jobs meet, that is done at each change of
    job."""
    return nullcontext() if in_meeting() else surroundings(process_ambients(), None)


def _run(cfg: DictConfig) -> float:
    config = resolve(cfg)
    check(config)
    refuse_untrusted([config])  # not every sweeper has
    begun = begin_run(config, Path(HydraConfig.get().runtime.output_dir))
    if begun.result is not None:
        return begun.result
    tracked = begun.run
    with recording(tracked), beating(tracked):
        task = TASKS[config["task"]["name"]]
        data = build_data(config)
        tracked.hold_tags(data_tags(data))
        if HydraConfig.get().mode == RunMode.RUN:  # a sweep keeps it once for all of its jobs
            keep_portrait(tracked, data.parts)
        model = build_model(config, data)
        best = ModelCheckpoint(begun.folder / FOLDER, "best", monitor="val/loss")
        last = ModelCheckpoint(begun.folder / FOLDER, Path(LAST).stem, save_on_train_epoch_end=True)
        measure = Measure(build_plan(config, answer_of(config, data)), config["measure"]["every_n_epochs"])
        diverged = StopDiverged()
        logger = RunLogger(tracked, begun.points)
        pruned = StopPruned(_judge(), logger)
        strategy = FusedStrategy(device_of(config["trainer"]["accelerator"]))
        trainer = pl.Trainer(
            **config["trainer"],
            strategy=strategy,
            logger=logger,
            callbacks=[
                measure,
                diverged,
                pruned,
                best,
                last,
                CarryConfig(shown(config)),
                CarryProgress(logger),
                RunProgress(place_in_sweep()),
            ],
            default_root_dir=begun.folder,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            log_every_n_steps=1,
            inference_mode=False,  # some measurements take gradients
        )
        trainer.fit(model, data, ckpt_path=begun.checkpoint, weights_only=True)
        objective = task.objective({name: logger.last(name) for name in [f"val/{task.headline}"]})
        tracked.hold_tags(
            {
                "checkpoint.best": best.best_model_path,
                "checkpoint.last": last.best_model_path,
                "fused": strategy.reason or "yes",
            }
        )
        if diverged.reason is not None:
            tracked.hold_tags({"diverged": diverged.reason})
        if pruned.reason is None:
            trainer.test(model, data, verbose=False)
        else:  # a part of a run: its figures would stand beside those of whole ones
            tracked.hold_tags({PRUNED: pruned.reason})
        tracked.hold_tags({f"undefined/{name}": reason for name, reason in measure.undefined.items()})
        if measure.paths:
            tracked.log_texts({artifacts.PATHS: json.dumps([asdict(path) for path in measure.paths])})
        said = f"pruned {pruned.reason}" if pruned.reason else _summary(task, trainer.callback_metrics)
        log.info("%s, in MLflow run %s", said, tracked.id)
    settle(tracked, begun.folder)
    return objective


def _judge() -> Judge | None:
    """Who may stop this job early: the pruner of its search, if it has one."""
    hydra = HydraConfig.get()
    if hydra.mode != RunMode.MULTIRUN or hydra.sweeper.get("pruner") is None:
        return None
    from simplicity_sweep.search.pruner import Judge, Rivals  # loads Optuna, which few runs need

    rivals = Rivals.read(Path(hydra.sweep.dir))
    return Judge(rivals, rivals.numbers[hydra.job.num])


def _summary(task: Task, metrics: Mapping[str, Any]) -> str:
    names = (task.headline, "lz76_path", task.noise, task.change_rate)
    shown = {name: metrics.get(f"test/{name}") for name in names}
    figures = [f"{name} {float(value):.4g}" for name, value in shown.items() if value is not None]
    return f"test: {', '.join(figures)}"
