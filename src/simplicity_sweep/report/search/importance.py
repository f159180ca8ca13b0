"""How much of each objective each hyperparameter of a search decides."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from simplicity_sweep.report.importance import FEWEST_JOBS, fanova
from simplicity_sweep.report.search.trials import Search


@dataclass(frozen=True, kw_only=True)
class SearchImportance:
    """What decides one objective.

    Attributes:
        objective: which, by its metric.
        shares: of the variance over the whole space, by hyperparameter; empty with a `reason`.
        rest: what is left: what they do together.
        trials: how many have a value.
        reason: why there are no shares.
    """

    objective: str
    shares: Mapping[str, float] = field(default_factory=dict)
    rest: float | None = None
    trials: int
    reason: str | None = None


def search_importances(search: Search) -> list[SearchImportance]:
    """Each hyperparameter's share of the variance of each objective, by fANOVA: see `report.importance`.

    The space is the search's own, so that a logarithmic interval weighs by orders of magnitude. What lies between the
    trials is the forest's guess, and a sampler looks more closely where it hopes for something: unlike those of a grid
    these shares are rough. Pruned trials are left out, whose values are of another length.
    """
    return [_importance(search, place, objective) for place, objective in enumerate(search.objectives)]


def _importance(search: Search, place: int, objective: str) -> SearchImportance:
    from optuna.distributions import json_to_distribution

    done = [trial for trial in search.trials if trial.state == "COMPLETE" and trial.same_as is None]
    values = np.array([trial.values[place] for trial in done])
    reason = None
    if len(search.space) < 2:
        reason = f"one hyperparameter varies ({search.hyperparameters[0]}); shares need at least two"
    elif len(done) < FEWEST_JOBS:
        reason = f"{len(done)} trials have a value; at least {FEWEST_JOBS} are needed"
    elif np.ptp(values) == 0:
        reason = "the same in every trial"
    if reason is not None:
        return SearchImportance(objective=objective, trials=len(done), reason=reason)
    space = {key: json_to_distribution(one) for key, one in search.space.items()}
    shares = fanova(space, [trial.params for trial in done], values)
    if any(math.isnan(share) for share in shares.values()):
        return SearchImportance(objective=objective, trials=len(done), reason="the forest predicts one value")
    rest = max(0.0, 1 - sum(shares.values()))
    return SearchImportance(objective=objective, shares=shares, rest=rest, trials=len(done))
