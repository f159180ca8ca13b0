"""The settings that a decision may choose from, what they measured, and why the others are left out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from simplicity_sweep.report.decision.requirements import Requirements
from simplicity_sweep.report.results import Job, ReportError, Results

Array = npt.NDArray[np.float64]

LeftOut = Literal["unfinished", "degenerate", "undefined"]

_INFINITE = 1e300  # MLflow keeps the largest float in place of an infinity


@dataclass(frozen=True, eq=False)
class Candidates:
    """Settings with finished, living networks and finite figures.

    Attributes:
        settings: in the order in which ties are broken: the base, then by name.
        seeds: every seed of any of them, ascending.
        finished: which setting has a result with which seed, shape `[settings, seeds]`.
        values: by measurement, shape `[settings, seeds]`; 0 where there is no result.
    """

    settings: tuple[str, ...]
    seeds: tuple[int, ...]
    finished: npt.NDArray[np.bool_]
    values: Mapping[str, Array]

    def means(self, weights: Array | None = None) -> dict[str, Array]:
        """By measurement, the mean of each setting over its own seeds.

        Args:
            weights: how often each seed counts, the same for all settings, shape `[..., seeds]`; by default once.

        Returns:
            Shape `[..., settings]`; NaN where no seed of a setting counts.
        """
        counted = np.ones(len(self.seeds)) if weights is None else weights
        with np.errstate(invalid="ignore"):
            return {
                metric: (counted @ values.T) / (counted @ self.finished.T.astype(np.float64))
                for metric, values in self.values.items()
            }

    def variances(self) -> dict[str, Array]:
        """By measurement, the variance of each setting between its seeds (divided by n), shape `[settings]`."""
        counts = self.finished.sum(axis=1)
        return {
            metric: (np.where(self.finished, values - mean[:, None], 0) ** 2).sum(axis=1) / counts
            for (metric, values), mean in zip(self.values.items(), self.means().values(), strict=True)
        }

    def by_seed(self, setting: str, metric: str) -> dict[int, float]:
        """The values of a setting, by seed."""
        row = self.settings.index(setting)
        found = zip(self.seeds, self.finished[row], self.values[metric][row], strict=True)
        return {seed: float(value) for seed, finished, value in found if finished}


@dataclass(frozen=True, kw_only=True)
class Excluded:
    """A setting that can't be chosen, and why."""

    setting: str
    state: LeftOut
    why: str


def candidates(results: Results, requirements: Requirements) -> tuple[Candidates, list[Excluded]]:
    """The settings that can be judged by the requirements, and the others.

    A setting with one degenerate network is out, and so is one with one figure that is undefined or infinite: to
    average the others would hide it.

    Raises:
        ReportError: some requirement is about a figure that is not finite for any network that is alive.
    """
    metrics = requirements.metrics
    settings = [results.base, *sorted(set(results.settings) - {results.base})]
    found = {setting: _excluded(results, setting, metrics) for setting in settings}
    _refuse_undefined(results, requirements, [s for s, out in found.items() if not out or out.state == "undefined"])
    left = tuple(setting for setting, out in found.items() if out is None)
    seeds = tuple(seed for seed in results.seeds if any((setting, seed) in results.finished for setting in left))
    jobs = [[results.finished.get((setting, seed)) for seed in seeds] for setting in left]
    shape = (len(left), len(seeds))
    values = {
        metric: np.array([[_figure(job, metric) if job else 0.0 for job in row] for row in jobs]).reshape(shape)
        for metric in metrics
    }
    finished = np.array([[job is not None for job in row] for row in jobs], dtype=np.bool_).reshape(shape)
    return Candidates(left, seeds, finished, values), [out for out in found.values() if out is not None]


def jobs_of(results: Results, setting: str) -> list[Job]:
    """The finished jobs of a setting, by seed."""
    return [results.finished[setting, seed] for seed in results.seeds if (setting, seed) in results.finished]


def enumerated(seeds: Sequence[int]) -> str:
    """Seeds in words.

    Example:
        >>> enumerated([3]), enumerated([0, 1, 4])
        ('seed 3', 'seeds 0, 1, 4')
    """
    return f"seed{'' if len(seeds) == 1 else 's'} {', '.join(map(str, seeds))}"


def _excluded(results: Results, setting: str, metrics: Sequence[str]) -> Excluded | None:
    jobs = jobs_of(results, setting)
    if not jobs:
        reasons = dict.fromkeys(why for (absent, _), why in results.absent if absent == setting)
        return Excluded(setting=setting, state="unfinished", why=f"no job has finished ({'; '.join(reasons)})")
    if dead := results.degenerate(setting):
        why = (
            f"degenerate in {len(dead)} of {len(jobs)} runs ({enumerated(dead)}): the answer does not depend on the "
            "input, or is no number; that noise can't change it is not stability"
        )
        return Excluded(setting=setting, state="degenerate", why=why)
    for metric in metrics:
        if without := [job for job in jobs if not _is_finite(_figure(job, metric))]:
            return Excluded(setting=setting, state="undefined", why=_why_undefined(metric, without))
    return None


def _why_undefined(metric: str, jobs: Sequence[Job]) -> str:
    reasons = dict.fromkeys(_why_not_finite(job, f"test/{metric}") for job in jobs)
    return f"{metric} is no finite number for {enumerated([job.seed for job in jobs])} ({'; '.join(reasons)})"


def _why_not_finite(job: Job, figure: str) -> str:
    if figure not in job.figures:
        return "not measured"
    return job.undefined.get(figure, "undefined" if math.isnan(job.figures[figure]) else "infinite")


def _refuse_undefined(results: Results, requirements: Requirements, settings: Sequence[str]) -> None:
    jobs = [job for setting in settings for job in jobs_of(results, setting)]
    for metric in requirements.metrics:
        if jobs and not any(_is_finite(_figure(job, metric)) for job in jobs):
            reasons = dict.fromkeys(_why_not_finite(job, f"test/{metric}") for job in jobs)
            raise ReportError(
                f"`{requirements.stated(metric)}` can't be judged: {metric} is no finite number in any finished job "
                f"({'; '.join(reasons)}). Leave it out of decide.require and decide.prefer."
            )


def _figure(job: Job, metric: str) -> float:
    return job.figures.get(f"test/{metric}", math.nan)


def _is_finite(value: float) -> bool:
    return abs(value) < _INFINITE
