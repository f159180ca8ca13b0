"""How much of each measurement each hyperparameter of a grid decides."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import fdtrc

from simplicity_sweep.report.effects import FLAG, undefined_measurements
from simplicity_sweep.report.results import Job, Results
from simplicity_sweep.report.statistics import ALPHA, INFINITE, ROUNDING, Array

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

METHOD = "fANOVA (Hutter, Hoos & Leyton-Brown 2014), optuna.importance.FanovaImportanceEvaluator, 64 trees, seed 0"

FEWEST_JOBS = 8
"""Below it a forest has nothing to learn from: 2 × 2 settings under two seeds are the least."""

CROSSED = 0.75
"""More than this share of the combinations of any two hyperparameters must have been run. One factor at a time, from
a base of k and m levels, fills (k + m − 1)/(k·m) of them, which is never more: no change is seen from two sides."""

_NOT_VARIED = ("seed", "setting")  # a replicate, and a name of the others


@dataclass(frozen=True, kw_only=True)
class Hyperparameter:
    """What is varied between jobs.

    Attributes:
        name: a parameter's, e.g. `optim.lr`; of unrelated ones that vary together, all, joined by ` + `.
        together: all parameters that it stands for.
        levels: its values, numbers by size, then texts; where parameters vary together, those of the first.
        of: by setting, the place of its value in `levels`.
    """

    name: str
    together: tuple[str, ...]
    levels: tuple[str, ...]
    of: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Importance:
    """What decides one measurement.

    Attributes:
        measurement: which.
        shares: of the variance over the grid, each level weighing the same, by hyperparameter; empty with a `reason`.
        rest: what is left: interactions, and spread between seeds that the forest took for one.
        p: of the F test that the settings don't differ but by their seeds; None with one seed, or without noise.
        jobs: how many have a value.
        degenerate: how many of these have a dead network; they are left in.
        reason: why there are no shares.
    """

    measurement: str
    shares: Mapping[str, float] = field(default_factory=dict)
    rest: float | None = None
    p: float | None = None
    jobs: int
    degenerate: int = 0
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Importances:
    """What decides each measurement.

    Attributes:
        hyperparameters: those that vary, in the order of their names.
        rows: one for each measurement; none where `reason` says why the sweep has no such shares.
        method: how they were found.
        reason: why they can't be.
    """

    hyperparameters: tuple[Hyperparameter, ...]
    rows: tuple[Importance, ...] = ()
    method: str = METHOD
    reason: str | None = None


def importances(results: Results) -> Importances:
    """Each hyperparameter's share of the variance of each measurement over a grid, from the finished jobs.

    By fANOVA: a forest of regression trees is fitted to the jobs, and the variance of its predictions, each level
    weighing the same, is split into what each hyperparameter does by itself and the rest. On a complete grid without
    noise this is the classical η². A share says how much, not which way, and holds for the levels of this sweep.

    Where an F test (seeds as blocks, no correction) doesn't show that the settings differ at all, a forest would share
    out noise: then there is a reason instead of shares.
    """
    varied = hyperparameters(results)
    reason = _not_a_grid(varied, list(results.finished.values()))
    if reason is not None:
        return Importances(hyperparameters=varied, reason=reason)
    names = [name for name in results.measurements if name != FLAG]
    return Importances(hyperparameters=varied, rows=tuple(_importance(results, varied, name) for name in names))


def hyperparameters(results: Results) -> tuple[Hyperparameter, ...]:
    """The parameters, other than the seed, that vary between the settings of finished jobs, in the order of names.

    One that another one determines, like `activation.negative_slope` by `activation`, is counted with that.

    Example:
        >>> params = {"a": {"depth": "2", "depth.sizes": "9-9"}, "b": {"depth": "1", "depth.sizes": "9"}}
        >>> jobs = [Job(setting=name, seed=0, status="FINISHED", params=of) for name, of in params.items()]
        >>> [found] = hyperparameters(Results(name="", about={}, base="a", jobs=jobs))
        >>> found.name, found.together, found.levels, found.of
        ('depth', ('depth', 'depth.sizes'), ('1', '2'), {'a': 1, 'b': 0})
    """
    params = {setting: job.params for setting in results.settings for job in _jobs(results, setting)[:1]}
    names = sorted(
        {name for of in params.values() for name in of} - set(_NOT_VARIED), key=lambda name: (len(name), name)
    )
    columns = {name: [of.get(name, "–") for of in params.values()] for name in names}
    left = [name for name in names if len(set(columns[name])) > 1]
    found = []
    while left:
        # One with the most levels can't be determined by another with fewer; of equals the shortest name comes first.
        leader = max(left, key=lambda name: len(set(columns[name])))
        pairs = {name: len({*zip(columns[leader], columns[name], strict=True)}) for name in left}
        together = [name for name in left if pairs[name] == len(set(columns[leader]))]
        left = [name for name in left if name not in together]
        levels = sorted(set(columns[leader]), key=_by_size)
        of = {setting: levels.index(value) for setting, value in zip(params, columns[leader], strict=True)}
        found.append(
            Hyperparameter(name=_name(leader, together), together=tuple(together), levels=tuple(levels), of=of)
        )
    return tuple(sorted(found, key=lambda one: one.name))


def _jobs(results: Results, setting: str) -> list[Job]:
    return [job for (of, _), job in results.finished.items() if of == setting]


def _name(leader: str, together: Sequence[str]) -> str:
    """The leader's, and one of each other group that varies with it."""
    groups = {name.split(".")[0]: name for name in reversed([leader, *together])}
    return " + ".join(sorted(groups.values(), key=lambda name: (name != leader, name)))


def _by_size(level: str) -> tuple[bool, float, str]:
    try:
        return (False, float(level), level)
    except ValueError:
        return (True, 0.0, level)


def _not_a_grid(varied: Sequence[Hyperparameter], jobs: Sequence[Job]) -> str | None:
    """Why these jobs don't tell what each hyperparameter does."""
    if len(varied) < 2:
        which = f"one hyperparameter varies ({varied[0].name})" if varied else "no hyperparameter varies"
        return f"{which}; shares need at least two"
    for one, other in combinations(varied, 2):
        run = len({(one.of[job.setting], other.of[job.setting]) for job in jobs})
        possible = len(one.levels) * len(other.levels)
        if run <= CROSSED * possible:
            return f"{one.name} and {other.name} aren't crossed: {run} of {possible} combinations have a value"
    if len(jobs) < FEWEST_JOBS:
        return f"{len(jobs)} jobs have a value; at least {FEWEST_JOBS} are needed"
    return None


def _importance(results: Results, varied: Sequence[Hyperparameter], name: str) -> Importance:
    figure = f"test/{name}"
    jobs = [job for job in results.finished.values() if not math.isnan(job.figures.get(figure, math.nan))]
    values = np.array([job.figures[figure] for job in jobs])
    found = Importance(
        measurement=name, jobs=len(jobs), degenerate=sum(job.figures.get(f"test/{FLAG}") == 1 for job in jobs)
    )
    reason = undefined_measurements(results).get(name) or _not_a_grid(varied, jobs) or _no_variance(values)
    if reason is not None:
        return replace(found, reason=reason)
    p = _p_settings_differ(jobs, values)
    if p is not None and p >= ALPHA:
        return replace(found, p=p, reason=f"the settings don't differ beyond their seeds (F test, p = {p:.2g})")
    shares = _shares(jobs, values, varied)
    return replace(found, p=p, shares=shares, rest=max(0.0, 1 - sum(shares.values())))


def _no_variance(values: Array) -> str | None:
    if abs(values).max() >= INFINITE:
        return "infinite values"
    return "the same in every job" if np.ptp(values) <= ROUNDING * abs(values).max() else None


def _p_settings_differ(jobs: Sequence[Job], values: Array) -> float | None:
    """Of the F test of settings with seeds as blocks, which may be incomplete; None where no replicate is left over."""
    seeds = _indicators([job.seed for job in jobs])
    both = np.hstack([seeds, _indicators([job.setting for job in jobs])])
    left_out, left = _unexplained(seeds, values), _unexplained(both, values)
    ranks = [int(np.linalg.matrix_rank(design)) for design in (seeds, both)]
    between, within = ranks[1] - ranks[0], len(values) - ranks[1]
    if within == 0:
        return None
    if left <= (ROUNDING * abs(values).max()) ** 2 * len(values):
        return 0.0
    return float(fdtrc(between, within, (left_out - left) / between / (left / within)))


def _indicators(labels: Sequence[object]) -> Array:
    """One column for each label, 1 where it stands: shape `[n, labels]`."""
    return np.array([[label == other for other in dict.fromkeys(labels)] for label in labels], dtype=np.float64)


def _unexplained(design: Array, values: Array) -> float:
    """The sum of squares that a linear model leaves."""
    weights = np.linalg.lstsq(design, values)[0]
    return float(((values - design @ weights) ** 2).sum())


def _shares(jobs: Sequence[Job], values: Array, varied: Sequence[Hyperparameter]) -> dict[str, float]:
    """Each hyperparameter's share, in their order."""
    from optuna.distributions import IntDistribution

    # Levels as whole numbers: each covers as much of the forest's space as the next, unlike with a column for each.
    space = {one.name: IntDistribution(0, len(one.levels) - 1) for one in varied}
    return fanova(space, [{one.name: one.of[job.setting] for one in varied} for job in jobs], values)


def fanova(
    space: Mapping[str, BaseDistribution], tried: Sequence[Mapping[str, Any]], values: Array
) -> dict[str, float]:
    """Of the variance over a space that a forest predicts, each hyperparameter's share by itself, in their order.

    Args:
        space: by hyperparameter, from what it was chosen.
        tried: what was chosen.
        values: what came of it, shape `[tried]`.
    """
    import optuna  # loads scikit-learn, which takes seconds
    from optuna.importance import FanovaImportanceEvaluator

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        study = optuna.create_study()
        for params, value in zip(tried, values, strict=True):
            study.add_trial(
                optuna.trial.create_trial(params=dict(params), distributions=dict(space), value=float(value))
            )
        # Not by `get_param_importances`: it lets the shares add up to 1, as if there were no interactions.
        found = FanovaImportanceEvaluator(n_trees=64, seed=0).evaluate(study)
    finally:
        optuna.logging.set_verbosity(verbosity)
    return {name: float(found[name]) for name in space}
