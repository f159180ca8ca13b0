"""How sure a choice is: what the seeds, drawn again and again, would have chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from simplicity_sweep.report.decision.candidates import Candidates
from simplicity_sweep.report.decision.requirements import Limit, Requirements
from simplicity_sweep.report.decision.rule import ROUNDING, Means, Verdict, best_mean, judge, margin, meets
from simplicity_sweep.report.statistics import mean_interval


@dataclass(frozen=True, kw_only=True)
class Certainty:
    """How often the same rule would have chosen which setting, had other seeds been drawn.

    Attributes:
        resamples: how many draws of seeds.
        seeds: how many seeds there were to draw from.
        chosen: by setting, the share of the draws that it wins, the highest first; a tie counts for each of the tied
            in equal parts.
        admissible: by setting, the share of the draws in which it meets every hard limit.
        nothing: the share of the draws in which no setting is admissible.
    """

    resamples: int
    seeds: int
    chosen: Mapping[str, float]
    admissible: Mapping[str, float]
    nothing: float


@dataclass(frozen=True, kw_only=True)
class Check:
    """One hard limit, held against one setting.

    Attributes:
        limit: which.
        bound: the number that the mean is held against.
        mean: the setting's.
        met: whether the mean is on the right side, or on the bound.
        share: of the draws of seeds in which it is; None with one seed.
        sure: the conservative reading: whether the whole 95 % t interval of the mean over seeds is on the right side;
            for a bound that is relative to the best mean, that of the differences by seed from the setting with the
            best mean, taken for the best one. None with one seed.
    """

    limit: Limit
    bound: float
    mean: float
    met: bool
    share: float | None
    sure: bool | None


@dataclass(frozen=True, eq=False)
class Resampled:
    """The rule's verdict for each draw of seeds.

    Attributes:
        verdict: shapes begin with `[resamples, settings]`.
        means: shape `[resamples, settings]`; NaN where a setting had no result with any of the seeds drawn.
    """

    verdict: Verdict
    means: Means


def resample(requirements: Requirements, found: Candidates, resamples: int, random: int) -> Resampled | None:
    """The verdicts over draws of seeds; None where there is one seed only.

    A bootstrap over seeds. n − 1 of the n seeds are drawn, with replacement: the means of n would spread too little,
    by √((n − 1)/n), those of n − 1 by the standard error s/√n (a remedy that Tim Hesterberg names, r-devel, 4 November
    2010). The seeds drawn are the same for all settings, so what a seed does to all of them cancels. The whole rule is
    applied to each draw, but the variance between seeds, a part of its yardstick, stays that of all seeds.

    Args:
        requirements: what is asked.
        found: who may be chosen.
        resamples: how many draws.
        random: seed of the draws.
    """
    n = len(found.seeds)
    if n < 2:
        return None
    drawn = np.random.default_rng(random).multinomial(n - 1, np.full(n, 1 / n), size=resamples)
    means = found.means(drawn.astype(np.float64))
    return Resampled(judge(requirements, means, found.variances()), means)


def certainty(found: Candidates, resampled: Resampled) -> Certainty:
    """How often each setting is chosen."""
    best = resampled.verdict.best
    shares = (best / np.maximum(best.sum(axis=1, keepdims=True), 1)).mean(axis=0)
    by_setting = dict(zip(found.settings, shares.tolist(), strict=True))
    return Certainty(
        resamples=len(best),
        seeds=len(found.seeds),
        chosen=dict(sorted(by_setting.items(), key=lambda item: -item[1])),
        admissible=dict(zip(found.settings, resampled.verdict.admissible.mean(axis=0).tolist(), strict=True)),
        nothing=float(1 - best.any(axis=1).mean()),
    )


def checks(requirements: Requirements, found: Candidates, resampled: Resampled | None) -> dict[str, list[Check]]:
    """By setting, each hard limit held against it, in the order in which they are stated."""
    means = found.means()
    shares = {limit: _shares(limit, found, resampled) for limit in requirements.require}
    return {
        setting: [
            Check(
                limit=limit,
                bound=limit.number + (float(best_mean(limit, means)[0]) if limit.to_best else 0),
                mean=float(means[limit.metric][row]),
                met=bool(meets(limit, means)[row]),
                share=shares[limit][row],
                sure=_is_sure(limit, found, setting),
            )
            for limit in requirements.require
        ]
        for row, setting in enumerate(found.settings)
    }


def _shares(limit: Limit, found: Candidates, resampled: Resampled | None) -> list[float | None]:
    """By setting, in how many of the draws that hold one of its seeds it meets the limit; None with one seed."""
    if resampled is None:
        return [None] * len(found.settings)
    drawn = np.isfinite(resampled.means[limit.metric]).sum(axis=0)
    met = meets(limit, resampled.means).sum(axis=0)
    seeds = found.finished.sum(axis=1)
    return [float(times / of) if n > 1 and of else None for times, of, n in zip(met, drawn, seeds, strict=True)]


def _is_sure(limit: Limit, found: Candidates, setting: str) -> bool | None:
    values = found.by_seed(setting, limit.metric)
    if limit.to_best:
        best = found.by_seed(found.settings[int(np.argmax(margin(limit, found.means())))], limit.metric)
        values = {seed: value - best[seed] for seed, value in values.items() if seed in best}
    margins = [limit.sign * (value - limit.number) for value in values.values()]
    interval = mean_interval(margins)
    size = max(map(abs, values.values()), default=0.0)
    return None if interval.low is None else interval.low >= -ROUNDING * size
