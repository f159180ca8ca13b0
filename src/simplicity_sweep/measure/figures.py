"""The figures of a network on data: the plan's, and how often and how surely it is right."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from simplicity_sweep.config import ConfigError
from simplicity_sweep.functional import evaluating, labels, mean_over_inputs, outputs_of
from simplicity_sweep.measure.arrays import ArrayData, ArrayPart
from simplicity_sweep.measure.failure import told
from simplicity_sweep.measure.subject import Subject
from simplicity_sweep.module import Supervised
from simplicity_sweep.probe import Figures, Plan

_TRIED = 2


class TwoLogits(nn.Module):
    """A network with one logit z, as the one with the logits 0 and z: the same labels and probabilities.

    Example:
        >>> TwoLogits(nn.Identity())(torch.tensor([[3.0], [-1.0]]))
        tensor([[ 0.,  3.],
                [ 0., -1.]])
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: Tensor) -> Tensor:
        logit: Tensor = self.network(inputs)
        return torch.cat([torch.zeros_like(logit), logit], dim=1)


def figures_of(subject: Subject, data: ArrayData, plan: Plan, name: str) -> Figures:
    """Everything that `plan` says, and accuracy and loss where true classes are known.

    A measurement that raises, say because the network can't bear a disturbed input, is NaN with what was raised as the
    reason; the others are taken.

    Args:
        subject: the network; left as it was, the global random state too.
        data: where it is measured.
        plan: what is measured.
        name: the network's, for messages.

    Raises:
        ConfigError: the network can't be evaluated on the inputs as they are, or they have other classes.
    """
    logits = _evaluated(subject.network, data.test.inputs, name)
    network = TwoLogits(subject.network) if logits.shape[1] == 1 else subject.network
    logits = torch.cat([torch.zeros_like(logits), logits], dim=1) if logits.shape[1] == 1 else logits
    for part in (data.test, data.train):
        _check_classes(part, logits.shape[1], name)
    figures = Figures()
    if data.test.labels is not None:
        right = (labels(logits) == data.test.labels).double()
        figures.add("test/accuracy", mean_over_inputs(right), error=True)
        losses = cross_entropy(logits.double(), data.test.labels, reduction="none")
        figures.add("test/loss", mean_over_inputs(losses), error=True)
    return _with_measurements(figures, network, data, plan, subject)


def figures_in_task(subject: Subject, data: ArrayData, plan: Plan, name: str) -> Figures:
    """Everything that `plan` says, and how good the network is by the figures of its task: see `tasks.TASKS`.

    Args:
        subject: a network that answers with numbers or sets of labels, as its run's `Supervised` module.
        data: where it is measured; the answers are known.
        plan: what is measured.
        name: the network's, for messages.

    Raises:
        ConfigError: the network can't be evaluated on the inputs, or answers with another number of outputs.
    """
    network, answers = subject.network, data.test.labels
    assert isinstance(network, Supervised)
    assert answers is not None
    outputs = _evaluated(network, data.test.inputs, name)
    if outputs.shape != answers.shape:
        raise ConfigError(
            f"{name} answers with {outputs.shape[1]} numbers, and the data hold {answers.shape[1]} for each input. "
            "Leave data out, for those of its run."
        )
    metrics = network.test_metrics.clone()
    metrics.reset()
    means = {f"test/{mean}": value for mean, value in network.evaluate(outputs, answers, metrics).items()}
    figures = Figures({figure: float(value) for figure, value in (metrics.compute() | means).items()})
    return _with_measurements(figures, network, data, plan, subject)


def _with_measurements(figures: Figures, network: nn.Module, data: ArrayData, plan: Plan, subject: Subject) -> Figures:
    bearing = {name: replace(measurement, reason_of=told) for name, measurement in plan.measurements.items()}
    measured = replace(plan, measurements=bearing, paths_between=()).in_the_end(network, data, subject.initial)
    return Figures(figures.values | measured.values, figures.undefined | measured.undefined)


def _evaluated(network: nn.Module, inputs: Tensor, name: str) -> Tensor:
    """The network's outputs, tried on a few inputs first."""
    try:
        with evaluating(network, inputs.device), torch.no_grad():
            _check_outputs(network(inputs[:_TRIED]), name)
        return outputs_of(network, inputs)
    except ConfigError:
        raise
    except Exception as error:
        raise ConfigError(
            f"{name} can't be evaluated on inputs of shape [B, {', '.join(map(str, inputs.shape[1:]))}] and "
            f"{inputs.dtype}. {told(error)}. Choose other data (data=… or --npz), or write a function that returns a "
            "network that takes these."
        ) from error


def _check_outputs(outputs: Any, name: str) -> None:
    received = (
        f"{outputs.dtype} of shape {list(outputs.shape)}" if isinstance(outputs, Tensor) else type(outputs).__name__
    )
    if (
        not isinstance(outputs, Tensor)
        or not outputs.is_floating_point()
        or outputs.dim() != 2
        or len(outputs) != _TRIED
        or outputs.shape[1] == 0
    ):
        raise ConfigError(
            f"{name} returns {received} for {_TRIED} inputs; expected floating-point logits of shape "
            f"[{_TRIED}, classes], a single logit as [{_TRIED}, 1]. Write a function that returns a network that does, "
            "for example one that wraps this."
        )


def _check_classes(part: ArrayPart | None, classes: int, name: str) -> None:
    if part is None or part.labels is None or len(part.labels) == 0:
        return
    lowest, highest = int(part.labels.min()), int(part.labels.max())
    if lowest < 0 or highest >= classes:
        raise ConfigError(
            f"The labels reach from {lowest} to {highest}, but {name} has {classes} classes; expected labels from 0 to "
            f"{classes - 1}."
        )
