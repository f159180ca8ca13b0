"""What a resolved configuration describes, built."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from hydra.utils import instantiate

from simplicity_sweep.architecture import build_network
from simplicity_sweep.data import TensorData, open_data
from simplicity_sweep.functional import labels, quantile_edges
from simplicity_sweep.module import Classifier
from simplicity_sweep.multilabel import MultilabelClassifier
from simplicity_sweep.probe import Answer, Bins, Measurement, Plan, Probe
from simplicity_sweep.regressor import Regressor
from simplicity_sweep.seeds import stream_seed


def build_data(config: Mapping[str, Any]) -> TensorData:
    """The data module, its tensors loaded, so that the network can be built to their shape."""
    data = open_data(config["data"], order_seed=stream_seed(config["seed"], "order"))
    data.prepare_data()
    data.setup("fit")
    return data


def build_model(config: Mapping[str, Any], data: TensorData) -> pl.LightningModule:
    """The network and the LightningModule of its task, with initial weights from the seed's own stream.

    The global random state is that of the weights' stream afterwards: dropout draws on from there.
    """
    torch.manual_seed(stream_seed(config["seed"], "weights"))
    network = build_network(config, data.shape, data.outputs)
    optimizer = instantiate(config["optim"], _convert_="all")
    match config["task"]["name"]:
        case "classification":
            return Classifier(network, optimizer, data.outputs, data.loss_weights)
        case "multilabel":
            return MultilabelClassifier(network, optimizer, data.outputs)
        case _:
            return Regressor(network, optimizer, *data.target_scale())


def answer_of(config: Mapping[str, Any], data: TensorData) -> Answer:
    """What a network says with its outputs: the predicted class; which bin of its training targets' quantiles each
    number lies in; or the set of predicted labels."""
    match config["task"]["name"]:
        case "classification":
            return labels
        case "multilabel":
            return Bins.of_labels(data.outputs)
        case _:
            mean, std = (scale.to(data.train.device) for scale in data.target_scale())
            return Bins(quantile_edges((data.train.labels - mean) / std, config["task"]["bins"]))


def build_plan(config: Mapping[str, Any], answer: Answer = labels) -> Plan:
    """What is measured of the network, whose `answer_of` it is."""
    measure = config["measure"]
    return Plan(
        measurements={
            name: Measurement(**{**entry, "function": instantiate(entry["function"])})
            for name, entry in measure["measurements"].items()
        },
        probes={stage: Probe(**probe) for stage, probe in measure["probe"].items()},
        seed=stream_seed(config["seed"], "probes"),
        points=measure["points"],
        paths_between=measure["paths_between"],
        answer=answer,
    )


def device_of(accelerator: str) -> torch.device:
    """Where a run of this accelerator lives: the first GPU or the CPU.

    >>> device_of("cpu")
    device(type='cpu')
    """
    gpu = accelerator in ("gpu", "cuda") or (accelerator == "auto" and torch.cuda.is_available())
    return torch.device("cuda", 0) if gpu else torch.device("cpu")
