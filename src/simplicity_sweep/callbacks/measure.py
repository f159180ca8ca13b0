"""Measuring a run's network while it trains, without touching the training."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning import Callback
from torch import Tensor

from simplicity_sweep.fused.rendezvous import meet
from simplicity_sweep.probe import Figures, Observation, Parts, Plan, Points, ShownPath, Together, structure_of

_LOG = logging.getLogger(__name__)


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

    def take(self, seen: Observation | None = None) -> Figures:
        """The figures; `seen` is the network at its points, where it has been observed beside others."""
        if self.initial is None:
            return self.plan.while_training(self.network, self.data, seen)
        return self.plan.in_the_end(self.network, self.data, self.initial, seen)

    def points(self) -> Points:
        """Where the network is looked at first of all."""
        return self.plan.at("val" if self.initial is None else "test", self.data, self.network.device)


def take(looks: Sequence[Look]) -> list[Figures | BaseException]:
    """What each look returns or raises. Those at the same points come one after the other, and share them."""
    order = sorted(range(len(looks)), key=lambda place: looks[place].plan.seed)
    on_gpu = [place for place in order if looks[place].data.test.inputs.is_cuda]
    # On a CPU each figure has to be that of the network alone to the bit, and stacking would gain nothing.
    seen = observed_together([looks[place] for place in on_gpu])
    answers: dict[int, Figures | BaseException] = {}
    for place in order:
        try:
            answers[place] = taken(looks[place], seen.get(id(looks[place])))
        except Exception as error:  # one run's: it is raised there, and the others go on
            answers[place] = error
    return [answers[place] for place in range(len(looks))]


def observed_together(looks: Sequence[Look]) -> dict[int, Observation]:
    """By the look's id, the observations of networks of one structure, computed for all of them at once."""
    groups: dict[Hashable, list[tuple[Look, Points]]] = {}
    for look in looks:
        points = look.points()
        groups.setdefault((look.initial is None, structure_of(look.network, points)), []).append((look, points))
    return {
        id(look): observation
        for group in groups.values()
        if len(group) > 1
        for (look, _), observation in zip(
            group,
            Together([look.network for look, _ in group], [points for _, points in group]).observations(),
            strict=True,
        )
    }


def taken(look: Look, seen: Observation | None) -> Figures:
    """The figures; of a network that can't be observed beside others (it has no room, or branches on its inputs), by
    itself."""
    if seen is None:
        return look.take()
    try:
        return look.take(seen)
    except Exception as error:  # whatever it is, by itself it is raised again if it is the network's own
        _LOG.info("Measured by itself: %s", error)
        return look.take()


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
        self.paths: list[ShownPath] = []
        """What the trained network says along a few paths."""
        self._initial: dict[str, Tensor] = {}

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        if stage == "fit":  # a checkpoint to go on from is loaded after this
            self._initial = {name: value.detach().clone() for name, value in pl_module.state_dict().items()}

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not trainer.sanity_checking and (trainer.current_epoch + 1) % self.every_n_epochs == 0:
            self._log(trainer, pl_module, None)

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._log(trainer, pl_module, {name: value.to(pl_module.device) for name, value in self._initial.items()})

    def _log(self, trainer: pl.Trainer, network: pl.LightningModule, initial: Mapping[str, Tensor] | None) -> None:
        """Logs the figures, which are taken where runs that train together meet."""
        data: Any = trainer.datamodule  # type: ignore[attr-defined] # Lightning declares it nowhere
        figures = meet(Look(self.plan, network, data, initial), take)
        self.undefined |= figures.undefined
        self.paths = figures.paths
        # Lightning would round plain numbers to float32.
        network.log_dict({name: torch.tensor(value, dtype=torch.float64) for name, value in figures.values.items()})
