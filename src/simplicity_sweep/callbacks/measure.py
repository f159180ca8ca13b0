"""Measuring a run's network while it trains, without touching the training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning import Callback
from torch import Tensor

from simplicity_sweep.fused.rendezvous import meet
from simplicity_sweep.probe import Figures, Parts, Plan


@dataclass(frozen=True, eq=False)
class Look:
    """A request: this network's figures.

    Attributes:
        initial: what the network was before it was trained, for its final figures; None while it trains.
    """

    plan: Plan
    network: pl.LightningModule
    data: Parts
    initial: Mapping[str, Tensor] | None

    def take(self) -> Figures:
        """The figures."""
        if self.initial is None:
            return self.plan.while_training(self.network, self.data)
        return self.plan.in_the_end(self.network, self.data, self.initial)


def _take(looks: Sequence[Look]) -> list[Figures | BaseException]:
    """What each look returns or raises. Those at the same points come one after the other, and share them."""
    taken: dict[int, Figures | BaseException] = {}
    for place in sorted(range(len(looks)), key=lambda place: looks[place].plan.seed):
        try:
            taken[place] = looks[place].take()
        except Exception as error:
            taken[place] = error
    return [taken[place] for place in range(len(looks))]


class Measure(Callback):
    """Logs what is measured of the network: `val/<name>` at validation epochs, and the final figures with the test's.

    Each stage has its own fixed, ordered probe inputs: the same at every epoch and in every run with the same seed. The
    final figures are `test/<name>`, with `test/<name>/standard_error` where the measurement is an estimate over inputs,
    `null/<name>/<control>` where it has null controls, and `<points>/<name>` where the plan names further points.

    Args:
        plan: what is measured.
        every_n_epochs: validation epochs between two measurements.
    """

    def __init__(self, plan: Plan, every_n_epochs: int = 1) -> None:
        self.plan = plan
        self.every_n_epochs = every_n_epochs
        self.undefined: dict[str, str] = {}
        """Why a figure is NaN, by its name."""
        self._initial: dict[str, Tensor] = {}

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._initial = {name: value.detach().clone() for name, value in pl_module.state_dict().items()}

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not trainer.sanity_checking and (trainer.current_epoch + 1) % self.every_n_epochs == 0:
            pl_module.log_dict(self._asked(trainer, pl_module, None))

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        pl_module.log_dict(self._asked(trainer, pl_module, self._initial))

    def _asked(
        self, trainer: pl.Trainer, network: pl.LightningModule, initial: Mapping[str, Tensor] | None
    ) -> dict[str, float]:
        """The figures, taken where runs that train together meet."""
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        figures = meet(Look(self.plan, network, data, initial), _take)
        self.undefined |= figures.undefined
        return figures.values
