"""The rule by which a setting is chosen, on the settings' means: one set of them, or thousands at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simplicity_sweep.report.decision.requirements import Limit, Objective, Requirements, Wish

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Means = Mapping[str, Array]
"""By measurement, shape `[..., settings]`; NaN where a setting has none."""

ROUNDING = 1e-9
"""What differs by less than this share of its size differs by rounding."""


@dataclass(frozen=True, eq=False)
class Verdict:
    """What the rule says of some settings' means.

    Attributes:
        admissible: who meets every hard limit, shape `[..., settings]`.
        regrets: how far each setting is from the best admissible one, in standard deviations, by objective, shape
            `[..., settings, objectives]`.
        scores: their weighted mean, shape `[..., settings]`; infinite for a setting that is not admissible.
        best: whose score is the lowest, shape `[..., settings]`: several in a tie, none where nothing is admissible.
    """

    admissible: Mask
    regrets: Array
    scores: Array
    best: Mask

    @property
    def choice(self) -> int | None:
        """The first of the best, where there is one set of means; None where nothing is admissible."""
        return int(np.argmax(self.best)) if self.best.any() else None


def judge(requirements: Requirements, means: Means, variances: Means) -> Verdict:
    """Which settings are admissible, and which of them is best.

    A setting is admissible if its means meet every hard limit. Its regret in an objective is what it lacks to the
    best admissible setting, divided by the standard deviation of that measurement over all runs of the admissible
    settings, each setting counting alike: `√(mean of (variance between seeds + (mean − mean of means)²))`. For a soft
    limit it is what it misses the limit by. The lowest mean regret, weighted by the objectives' weights, wins. So
    neither the unit nor the zero of a measurement matters, nor what happens where a hard limit forbids to go; a
    difference that seeds alone explain counts little; and nothing that another admissible setting beats in one
    objective and equals in the others can win. The yardstick is the sweep's: other settings in it, another yardstick.

    Args:
        requirements: what is asked.
        means: of each setting.
        variances: between the seeds of a setting, divided by n, by measurement, shape `[settings]`.

    Example:
        Between 1, 2 and 3 without spread between seeds, the standard deviation is √(2/3) = 0.816.

        >>> from simplicity_sweep.report.decision.requirements import parse
        >>> asked = parse(["a <= 3"], ["minimise a"])
        >>> verdict = judge(asked, {"a": np.array([3.0, 1.0, 2.0, 9.0])}, {"a": np.zeros(4)})
        >>> verdict.scores.round(3).tolist(), verdict.choice
        ([2.449, 0.0, 1.225, inf], 1)
    """
    admissible = np.isfinite(next(iter(means.values())))
    for limit in requirements.require:
        admissible &= meets(limit, means)
    regrets = [_regrets(objective, means, variances, admissible) for objective in requirements.prefer]
    stacked = np.stack(regrets, axis=-1) if regrets else np.zeros((*admissible.shape, 0))
    scores = np.where(admissible, stacked @ weights(requirements), np.inf)
    lowest = scores.min(axis=-1, keepdims=True, initial=np.inf)
    return Verdict(admissible, stacked, scores, admissible & (scores <= lowest + ROUNDING))


@dataclass(frozen=True, eq=False)
class Case:
    """Settings to which any requirements can be applied.

    Attributes:
        settings: who may be chosen.
        means: of each, by measurement, shape `[settings]`.
        variances: between the seeds of each, divided by n.
    """

    settings: Sequence[str]
    means: Means
    variances: Means

    def verdict(self, requirements: Requirements) -> Verdict:
        """What the rule says."""
        return judge(requirements, self.means, self.variances)

    def chosen(self, requirements: Requirements) -> str | None:
        """Who is recommended."""
        choice = self.verdict(requirements).choice
        return None if choice is None else self.settings[choice]


def weights(requirements: Requirements) -> Array:
    """The objectives' weights, as shares of their sum."""
    if not requirements.prefer:
        return np.zeros(0)
    found = np.array([objective.weight for objective in requirements.prefer])
    found = found / found.max()  # the sum of huge ones is infinite
    shares: Array = found / found.sum()
    return shares


def position(limit: Limit, means: Means) -> Array:
    """Where each setting lies on the scale of a limit's number: its mean, or its distance to the best mean."""
    values = means[limit.metric]
    return values - best_mean(limit, means) if limit.to_best else values


def best_mean(limit: Limit, means: Means) -> Array:
    """The best mean of all settings in the sense of a limit, shape `[..., 1]`."""
    values = limit.sign * means[limit.metric]
    best: Array = limit.sign * np.where(np.isnan(values), -np.inf, values).max(axis=-1, keepdims=True, initial=-np.inf)
    return best


def margin(limit: Limit, means: Means) -> Array:
    """By how much each setting is on the right side of a limit; below 0 on the wrong one, 0 where rounding decides."""
    distance = limit.sign * (position(limit, means) - limit.number)
    return np.where(np.abs(distance) <= ROUNDING * np.abs(means[limit.metric]), 0, distance)


def meets(limit: Limit, means: Means) -> Mask:
    """Which settings meet a limit; one without a mean does not."""
    return margin(limit, means) >= 0


def losses(objective: Objective, means: Means) -> Array:
    """What should be low, in the measurement's unit: the mean, its negative, or by how much a soft limit is missed."""
    if isinstance(objective, Wish):
        return means[objective.metric] * (1 if objective.aim == "minimise" else -1)
    return np.maximum(-margin(objective.limit, means), 0)


def pareto_front(requirements: Requirements, means: Means, admissible: Mask) -> Mask:
    """The admissible settings that no other admissible one beats in one objective while it equals them in the others.

    Args:
        requirements: whose wishes and soft limits are the objectives.
        means: of each setting, shape `[settings]`.
        admissible: who may be on it, shape `[settings]`.
    """
    less = np.zeros((len(admissible), len(admissible)), dtype=np.bool_)
    more = less.copy()
    for objective in requirements.prefer:
        loss = losses(objective, means)
        difference = loss[:, None] - loss[None, :]
        rounding = ROUNDING * np.abs(means[objective.metric]).max(initial=0, where=admissible)
        less |= difference < -rounding
        more |= difference > rounding
    beats = less & ~more & admissible[:, None]
    return admissible & ~beats.any(axis=0)


def _regrets(objective: Objective, means: Means, variances: Means, admissible: Mask) -> Array:
    loss = losses(objective, means)
    least = np.where(admissible, loss, np.inf).min(axis=-1, keepdims=True, initial=np.inf)
    spread = _spread(means[objective.metric], variances[objective.metric], admissible)
    size = np.where(admissible, np.abs(means[objective.metric]), 0).max(axis=-1, keepdims=True, initial=0)
    known = admissible & (spread > ROUNDING * size)
    lacking: Array = np.where(known, loss, 0) - np.where(known, least, 0)
    return np.divide(lacking, spread, out=np.zeros_like(loss), where=known & (lacking > ROUNDING * size))


def _spread(values: Array, variances: Array, admissible: Mask) -> Array:
    """The standard deviation over all runs of the admissible settings, each setting counting alike, `[..., 1]`."""
    count = np.maximum(admissible.sum(axis=-1, keepdims=True), 1)
    present = np.where(admissible, values, 0)
    centre = present.sum(axis=-1, keepdims=True) / count
    squares = np.where(admissible, variances + (present - centre) ** 2, 0)
    spread: Array = np.sqrt(squares.sum(axis=-1, keepdims=True) / count)
    return spread
