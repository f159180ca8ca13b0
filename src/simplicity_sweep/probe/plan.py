"""All that is measured of a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import product
from typing import Protocol

import torch
from torch import Tensor, nn

from simplicity_sweep.functional import Estimate, labels
from simplicity_sweep.probe.answers import Answer
from simplicity_sweep.probe.controls import control
from simplicity_sweep.probe.measurement import Measurement
from simplicity_sweep.probe.observation import Observation
from simplicity_sweep.probe.points import Points, Probe, shared_points
from simplicity_sweep.probe.shown_paths import ShownPath, shown_paths


class Part(Protocol):
    """Examples and their classes or targets."""

    @property
    def inputs(self) -> Tensor:
        """[n, d...]."""

    @property
    def labels(self) -> Tensor | None:
        """[n], or targets [n, k], where they are known."""


class Parts(Protocol):
    """A data set in three parts, such as a data module."""

    @property
    def train(self) -> Part | None:
        """What was learned from, where it is known."""

    @property
    def val(self) -> Part:
        """What is looked at while learning."""

    @property
    def test(self) -> Part:
        """What final figures are from."""


@dataclass
class Figures:
    """What was measured, by the names under which it is logged.

    Attributes:
        values: the figures; NaN where one is undefined.
        undefined: why, for each that is.
        paths: what the network says along a few paths.
    """

    values: dict[str, float] = field(default_factory=dict)
    undefined: dict[str, str] = field(default_factory=dict)
    paths: list[ShownPath] = field(default_factory=list)

    def add(self, name: str, estimate: Estimate, error: bool = False) -> None:
        """Notes an estimate, with its standard error where `error` is set and there is one."""
        self.values[name] = estimate.value
        if error and estimate.standard_error is not None:
            self.values[f"{name}/standard_error"] = estimate.standard_error
        if estimate.reason is not None:
            self.undefined[name] = estimate.reason


@dataclass(frozen=True)
class Plan:
    """Which measurements are taken, and where.

    Attributes:
        measurements: by name.
        probes: how much is observed of each part, `val` and `test`.
        points: where else than at the test inputs the pointwise measurements are taken in the end: see `ELSEWHERE`.
        seed: of the probes' random stream.
        paths_between: pairs of classes, between test inputs of which the labels along a path are kept; None for the
            first classes that there are.
        answer: what a network says with its outputs, as a symbol; by default the predicted label.
    """

    measurements: Mapping[str, Measurement]
    probes: Mapping[str, Probe]
    seed: int
    points: Sequence[str] = ()
    paths_between: Sequence[Sequence[int]] | None = ()
    answer: Answer = labels

    def while_training(self, network: nn.Module, data: Parts, seen: Observation | None = None) -> Figures:
        """Every measurement at the validation inputs, as `val/<name>`.

        Args:
            network: as it is now.
            data: its inputs.
            seen: the network at `at("val", data)`, where somebody has observed it.
        """
        figures = Figures()
        observe = cache(lambda: seen or Observation(network, self.at("val", data, _device_of(network))))
        for name, measurement in self.measurements.items():
            figures.add(f"val/{name}", measurement(observe))
        return figures

    def in_the_end(
        self, network: nn.Module, data: Parts, initial: Mapping[str, Tensor], seen: Observation | None = None
    ) -> Figures:
        """Every measurement at the test inputs as `test/<name>`, with standard errors; what its null controls say as
        `null/<name>/<control>`; and at further points as `<points>/<name>`.

        Args:
            network: the trained one.
            data: its inputs.
            initial: the network's parameters and buffers before training; empty if nobody saw them.
            seen: the network at `at("test", data)`, where somebody has observed it.
        """
        figures = Figures()

        @cache
        def observe(points: str) -> Observation:
            at = self.at(points, data, _device_of(network))
            return (seen if points == "test" else None) or Observation(network, at)

        in_place_of = cache(lambda which: control(which, observe("test"), initial))
        for name, measurement in self.measurements.items():
            figures.add(f"test/{name}", measurement(partial(observe, "test")), error=True)
            for which in measurement.controls:
                figures.add(f"null/{name}/{which}", measurement(partial(in_place_of, which)))
        for points, (name, measurement) in product(self.points, self.measurements.items()):
            if measurement.pointwise:
                figures.add(f"{points}/{name}", measurement(partial(observe, points)), error=True)
        answers, asked = data.test.labels, self.paths_between is None or len(self.paths_between) > 0
        if asked and answers is not None and not answers.is_floating_point():
            figures.paths = shown_paths(
                network, data.test.inputs, answers, self.paths_between, self.probes["test"].points
            )
        return figures

    def at(self, name: str, data: Parts, device: torch.device | None = None) -> Points:
        """The points called `test`, `val`, or as one of `ELSEWHERE`, on `device`, the data's by default."""
        part: Part = getattr(data, name if name in ("train", "val") else "test")
        probe = self.probes["val" if name == "val" else "test"]
        among = shared_points(part.inputs, part.labels, probe, self.seed, self.answer, device)
        if name == "midpoint":
            return among.midpoints
        return among.pure_noise if name == "noise" else among


def _device_of(network: nn.Module) -> torch.device | None:
    """Where a network computes; None if it has nothing that would say."""
    return next((parameter.device for parameter in network.parameters()), None)
