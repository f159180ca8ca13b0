"""One setting that a search tries, and how Optuna's study keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from simplicity_sweep.search.goals import Metrics
from simplicity_sweep.search.pruner import Rival

SEARCH, PLACE, JOB, SAME_AS, NOTES = "search", "place", "job", "same as", "notes"
"""What an Optuna trial of a search carries: see `Trial`, and `Course` for the notes."""
SOURCE, KNOWN_TO, METRICS = "source", "known to", "metrics"
"""What one carries whose result was there before: see `Known`."""


@dataclass(frozen=True)
class Trial:
    """One setting that is tried.

    Attributes:
        number: the study's.
        place: which of the search's it is, from 0.
        params: what was chosen.
        job: the number of its first job; None where an equal setting was tried before.
        same_as: the number of the trial that had the same setting.
        open: whether it has no result yet.
    """

    number: int
    place: int
    params: Mapping[str, Any]
    job: int | None
    same_as: int | None
    open: bool


@dataclass(frozen=True)
class Course:
    """How a trial's run went, for the pruner of later ones.

    Attributes:
        curve: the objective by the number of epochs trained.
        notes: what the pruner has noted of it.
        pruned: whether it was stopped early.
    """

    curve: Mapping[int, float] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)
    pruned: bool = False


@dataclass(frozen=True)
class Known:
    """A setting whose result was there before the search.

    Attributes:
        params: what was chosen.
        metrics: its figures.
        source: where it is from.
    """

    params: Mapping[str, Any]
    metrics: Metrics
    source: str


def trial_of(trial: FrozenTrial) -> Trial:
    """A search's own trial, as its study keeps it."""
    attrs = trial.user_attrs
    return Trial(
        trial.number, attrs[PLACE], trial.params, attrs.get(JOB), attrs.get(SAME_AS), not trial.state.is_finished()
    )


def described(trial: FrozenTrial, broken: Sequence[float]) -> dict[str, Any]:
    """What became of it, and whether it keeps the limits: see `report.search.trials.Trial`."""
    return {
        "number": trial.number,
        "state": trial.state.name,
        "params": trial.params,
        "values": trial.values or [],
        "keeps": all(one <= 0 for one in broken),
        "epochs": trial.last_step if trial.state is TrialState.PRUNED else None,
        "same_as": trial.user_attrs.get(SAME_AS),
        "known": SOURCE in trial.user_attrs,
    }


def rival_of(trial: FrozenTrial, broken: Sequence[float] | None) -> Rival:
    """What a pruner sees of it; `broken`, by how much it breaks each limit, is None where its figures are unknown."""
    if broken is None or any(one > 0 for one in broken):
        return Rival("FAIL")
    return Rival(
        "PRUNED" if trial.state is TrialState.PRUNED else "COMPLETE",
        trial.value,
        trial.intermediate_values,
        trial.user_attrs.get(NOTES, {}),
    )
