"""Optuna's pruners, asked so that a run's end depends on its own curve and on the batches before its own."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import optuna
from hydra.utils import instantiate
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner
from optuna.trial import TrialState, create_trial

from simplicity_sweep.config import ConfigError
from simplicity_sweep.search.quiet import optuna_quiet

KNOWN = ("MedianPruner", "PercentilePruner", "SuccessiveHalvingPruner", "HyperbandPruner", "ThresholdPruner")
"""Those that judge a curve by what the study holds, and keep nothing to themselves that is not in it."""

_FILE = "pruning.json"


class Pruner:
    """A pruner to be: its class and arguments.

    Args:
        config: `hydra.sweeper.pruner`, a `_target_` with its arguments.

    Raises:
        ConfigError: it is none of `KNOWN`, or does not take these arguments.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        target = config.get("_target_")
        allowed = [f"optuna.pruners.{name}" for name in KNOWN]
        if target not in allowed:
            raise ConfigError(
                f"hydra.sweeper.pruner._target_ = {target!r}: should be one of {', '.join(allowed)}; or choose "
                "hydra/sweeper/pruner=median, successive_halving or hyperband."
            )
        self.config = dict(config)
        self.name = str(target).rpartition(".")[2]
        self.build()

    def build(self) -> BasePruner:
        """A new one, that has seen nothing yet."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)
                pruner: BasePruner = instantiate(self.config)
        except Exception as error:
            raise ConfigError(f"hydra.sweeper.pruner = {self.config}: {error}") from error
        return pruner


@dataclass(frozen=True)
class Rival:
    """One trial of the batches before, as far as a pruner looks at it.

    Attributes:
        state: COMPLETE or PRUNED; FAIL for one that says nothing, and keeps the number of its place.
        value: the objective's.
        curve: the objective by the number of epochs trained.
        notes: what the pruner has noted of it, by Optuna's names.
    """

    state: Literal["COMPLETE", "PRUNED", "FAIL"]
    value: float | None = None
    curve: Mapping[int, float] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Rivals:
    """What the runs of a batch are compared with, the same for each, whichever runs beside it or comes first.

    Attributes:
        pruner: its configuration.
        metric: the objective, e.g. `val/accuracy`.
        direction: in which it is better.
        study: the study's name, by which Hyperband draws a trial's bracket.
        trials: those before the batch, by their numbers.
        numbers: by job, the number of its trial.
    """

    pruner: Mapping[str, Any]
    metric: str
    direction: Literal["minimize", "maximize"]
    study: str
    trials: Sequence[Rival]
    numbers: Mapping[int, int]

    def write(self, folder: Path) -> None:
        """Leaves them in a sweep's folder for its jobs, in whatever process, so that none reads a part."""
        draft = folder / f".{_FILE}.{os.getpid()}"
        draft.write_text(json.dumps(asdict(self)))
        draft.replace(folder / _FILE)

    @classmethod
    def read(cls, folder: Path) -> Rivals:
        """Those that were left in a sweep's folder."""
        told = json.loads((folder / _FILE).read_text())
        told["trials"] = [Rival(**{**one, "curve": _by_number(one["curve"])}) for one in told["trials"]]
        return cls(**{**told, "numbers": _by_number(told["numbers"])})


class Judge:
    """A pruner's word on one trial, in a study of its own that holds the trial and its rivals.

    Args:
        rivals: what it is compared with.
        number: the trial's.

    Attributes:
        metric: what its curve is of.
        name: the pruner's.
    """

    def __init__(self, rivals: Rivals, number: int) -> None:
        pruner = Pruner(rivals.pruner)
        self.metric = rivals.metric
        self.name = pruner.name
        with optuna_quiet():
            self._study = optuna.create_study(
                study_name=rivals.study,
                direction=rivals.direction,
                pruner=pruner.build(),
                sampler=optuna.samplers.RandomSampler(seed=0),  # never asked
            )
        between = [Rival("FAIL")] * (number - len(rivals.trials))  # of the same batch
        self._study.add_trials([_as_trial(rival) for rival in (*rivals.trials, *between)])
        self._trial = self._study.ask()
        self._told: set[int] = set()

    def stops(self, curve: Mapping[int, float]) -> bool:
        """Whether the trial is to be stopped, by what it has come to.

        Args:
            curve: the objective by the number of epochs trained, so far; each point counts once, in order.
        """
        stops = False
        for epochs in sorted(curve.keys() - self._told):
            self._told.add(epochs)
            self._trial.report(curve[epochs], epochs)
            stops = bool(self._trial.should_prune())  # a NumPy bool, from some
        return stops

    def notes(self) -> dict[str, Any]:
        """What the pruner has noted of the trial, by Optuna's names."""
        return dict(self._study.get_trials(deepcopy=False)[-1].system_attrs)


def _as_trial(rival: Rival) -> optuna.trial.FrozenTrial:
    return create_trial(
        state=TrialState[rival.state],
        value=rival.value,
        intermediate_values=dict(rival.curve),
        system_attrs=dict(rival.notes),
    )


def _by_number(told: Mapping[str, Any]) -> dict[int, Any]:
    return {int(number): value for number, value in told.items()}
