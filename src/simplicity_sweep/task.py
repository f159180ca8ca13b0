"""One job, from its configuration to its objective."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig
from pytorch_lightning.callbacks import ModelCheckpoint

from simplicity_sweep.callbacks import CarryConfig, Measure, Measurement, Probe, RunProgress
from simplicity_sweep.config import check
from simplicity_sweep.data import TensorData
from simplicity_sweep.fused.strategy import FusedStrategy
from simplicity_sweep.logger import RunLogger
from simplicity_sweep.module import Classifier
from simplicity_sweep.nn import MLP, hidden_sizes
from simplicity_sweep.preflight import resolve
from simplicity_sweep.record import place_in_sweep, start_run
from simplicity_sweep.seeds import stream_seed
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
        measure = build_measure(config)
        strategy = FusedStrategy(device_of(config["trainer"]["accelerator"]))
        trainer = pl.Trainer(
            **config["trainer"],
            strategy=strategy,
            logger=RunLogger(tracked),
            callbacks=[measure, best, last, CarryConfig(config), RunProgress(place_in_sweep())],
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
        log.info("%s, in MLflow run %s", _summary(trainer.callback_metrics), tracked.id)
    return objective


def _summary(metrics: Mapping[str, Any]) -> str:
    shown = {name: metrics.get(f"test/{name}") for name in ("accuracy", "lz76_path", "noise_l2_logits", "flip_rate")}
    figures = [f"{name} {float(value):.4g}" for name, value in shown.items() if value is not None]
    return f"test: {', '.join(figures)}"


def build_data(config: Mapping[str, Any]) -> TensorData:
    """The data module, its tensors loaded, so that the network can be built to their shape."""
    data: TensorData = instantiate(config["data"], order_seed=stream_seed(config["seed"], "order"))
    data.prepare_data()
    data.setup("fit")
    return data


def build_model(config: Mapping[str, Any], data: TensorData) -> Classifier:
    """The network and its LightningModule, with initial weights from the seed's own stream.

    The global random state is that of the weights' stream afterwards: dropout draws on from there.
    """
    torch.manual_seed(stream_seed(config["seed"], "weights"))
    depth = config["depth"]
    sizes = hidden_sizes(depth["hidden_layers"], depth["width"], depth["sizes"])
    network = MLP(data.shape, data.classes, sizes, instantiate(config["activation"]))
    return Classifier(network, instantiate(config["optim"]), data.classes)


def build_measure(config: Mapping[str, Any]) -> Measure:
    """The callback that takes the configured measurements."""
    measure = config["measure"]
    return Measure(
        {
            name: Measurement(instantiate(entry["function"]), entry["of"], entry.get("controls", ()))
            for name, entry in measure["measurements"].items()
        },
        {stage: Probe(**probe) for stage, probe in measure["probe"].items()},
        seed=stream_seed(config["seed"], "probes"),
        every_n_epochs=measure["every_n_epochs"],
    )


def device_of(accelerator: str) -> torch.device:
    """Where a run of this accelerator lives: the first GPU or the CPU.

    >>> device_of("cpu")
    device(type='cpu')
    """
    gpu = accelerator in ("gpu", "cuda") or (accelerator == "auto" and torch.cuda.is_available())
    return torch.device("cuda", 0) if gpu else torch.device("cpu")
