"""Measuring a run's network while it trains, without touching the training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning import Callback
from torch import Tensor

from simplicity_sweep.callbacks.controls import Observed, Undefined, control
from simplicity_sweep.callbacks.observation import Observation, Probe
from simplicity_sweep.data import Split
from simplicity_sweep.functional import Estimate, undefined
from simplicity_sweep.fused.rendezvous import meet


@dataclass(frozen=True)
class Measurement:
    """A pure function, the names of the observed tensors that it is given, in their order, and its null controls."""

    function: Callable[..., Estimate | float]
    of: Sequence[str]
    controls: Sequence[str] = ()

    def __call__(self, observation: Observed) -> Estimate:
        """The measured value; one that comes without an error is taken for exact."""
        measured = self.function(*(getattr(observation, name) for name in self.of))
        return measured if isinstance(measured, Estimate) else Estimate(float(measured))


def _take(looks: Sequence[Callable[[], dict[str, float]]]) -> list[dict[str, float] | BaseException]:
    """What each look returns or raises."""
    taken: list[dict[str, float] | BaseException] = []
    for look in looks:
        try:
            taken.append(look())
        except Exception as error:
            taken.append(error)
    return taken


class Measure(Callback):
    """Logs every measurement of the network as `val/<name>` at validation epochs and `test/<name>` at the end.

    Each stage has its own fixed, ordered probe inputs: the same at every epoch and in every run with the same seed.
    The test figures come with `test/<name>/standard_error` where the measurement is an estimate over inputs, and with
    `null/<name>/<control>` where the measurement has null controls.

    Args:
        measurements: by name.
        probes: what is observed in each stage, `val` and `test`.
        seed: of the probes' random stream (noise, pairs of inputs).
        every_n_epochs: validation epochs between two measurements.
    """

    def __init__(
        self,
        measurements: Mapping[str, Measurement],
        probes: Mapping[str, Probe],
        seed: int,
        every_n_epochs: int = 1,
    ) -> None:
        self.measurements = measurements
        self.probes = probes
        self.seed = seed
        self.every_n_epochs = every_n_epochs
        self.undefined: dict[str, str] = {}
        """Why a figure is NaN, by its name."""
        self._initial: dict[str, Tensor] = {}

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._initial = {name: value.detach().clone() for name, value in pl_module.state_dict().items()}

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not trainer.sanity_checking and (trainer.current_epoch + 1) % self.every_n_epochs == 0:
            pl_module.log_dict(self._asked(trainer, pl_module, "val"))

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        pl_module.log_dict(self._asked(trainer, pl_module, "test"))

    def _asked(self, trainer: pl.Trainer, network: pl.LightningModule, stage: str) -> dict[str, float]:
        """The figures, taken where runs that train together meet."""
        return meet(partial(self._figures, trainer, network, stage), _take)

    def _figures(self, trainer: pl.Trainer, network: pl.LightningModule, stage: str) -> dict[str, float]:
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        split: Split = getattr(data, stage)
        observation = Observation(network, split, self.probes[stage], self.seed)
        figures: dict[str, float] = {}
        for name, measurement in self.measurements.items():
            estimate = self._noted(f"{stage}/{name}", measurement, lambda: observation)
            figures[f"{stage}/{name}"] = estimate.value
            if stage == "test" and estimate.standard_error is not None:
                figures[f"test/{name}/standard_error"] = estimate.standard_error
        if stage == "test":
            figures |= self._null_figures(observation)
        return figures

    def _null_figures(self, observation: Observation) -> dict[str, float]:
        in_place_of = cache(lambda which: control(which, observation, self._initial))
        return {
            f"null/{name}/{which}": self._noted(f"null/{name}/{which}", measurement, partial(in_place_of, which)).value
            for name, measurement in self.measurements.items()
            for which in measurement.controls
        }

    def _noted(self, name: str, measurement: Measurement, observe: Callable[[], Observed]) -> Estimate:
        """The estimate; where it is undefined, the reason is kept."""
        try:
            estimate = measurement(observe())
        except Undefined as reason:
            estimate = undefined(str(reason))
        if estimate.reason is not None:
            self.undefined[name] = estimate.reason
        return estimate
