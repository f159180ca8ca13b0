"""What each setting changes against the base, in every measurement."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from simplicity_sweep.report.results import Results
from simplicity_sweep.report.statistics import ALPHA, Difference, holm, paired_difference
from simplicity_sweep.tasks import PERFORMANCE

FLAG = "degenerate"
"""The figure that marks a dead network. It is no measurement: nothing is tested on it."""

QUALITY = PERFORMANCE
"""What says how good a network is: a dead one's is as true as any other's."""

Reading = Literal["higher", "lower", "no difference shown", "degenerate", "undefined"]


@dataclass(frozen=True, kw_only=True)
class Effect:
    """A setting's paired effect on one measurement.

    Attributes:
        setting: which is compared with the base.
        measurement: of what, e.g. `lz76_path`.
        difference: setting − base over all seeds that both have, degenerate networks included.
        relative: the same as a share of the base's mean over those seeds; None where that is 0 or there is none.
        p_corrected: its p value by Holm over all of the table's tests.
        degenerate: the seeds among the pairs of which either network is degenerate.
        alive: the difference without those seeds; None where there are none to leave out.
        reading: what may be said of it, see `effects`.
        reason: why something is undefined.
    """

    setting: str
    measurement: str
    difference: Difference
    relative: float | None
    p_corrected: float | None
    degenerate: tuple[int, ...]
    alive: Difference | None
    reading: Reading
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class Effects:
    """The effects of all settings.

    Attributes:
        base: what they are compared with.
        rows: by setting in the results' order, then by measurement in theirs.
        tests: how many p values were corrected together: the family of Holm's procedure.
        undefined: the measurements without a value in any finished job, and why; they have no rows.
        family: the family in words.
    """

    base: str
    rows: tuple[Effect, ...]
    tests: int
    undefined: Mapping[str, str]

    @property
    def family(self) -> str:
        return (
            f"Two-sided paired t tests of every setting against {self.base} in every measurement; "
            f"Holm's correction over all {self.tests} of them."
        )


def effects(results: Results) -> Effects:
    """Every setting against the base in every measurement, paired by seed, corrected for the number of tests.

    The family is the whole table, since a reader's eye goes to its smallest p value wherever that stands; Holm's
    procedure because it needs nothing of the measurements' dependence, which is strong.

    Degenerate networks stay in, like patients who stop a treatment (the intention-to-treat principle, ICH E9): which
    seeds die is a result of the setting, and dropping them would compare its survivors with everybody. But the 0
    sensitivity of a dead network is not stability. So a row that has one reads `degenerate`, whatever its p, except for
    what says how good a network is, and the difference without them stands beside it. Otherwise the reading is `higher`
    or `lower` where the corrected p is below 0.05, `no difference shown` where it isn't, which doesn't show that there
    is none, and `undefined` without a test.

    Example:
        >>> from simplicity_sweep.report.results import Job
        >>> jobs = [
        ...     Job(setting=setting, seed=seed, status="FINISHED", figures={"test/flip_rate": value + seed / 8})
        ...     for setting, values in {"relu": (1, 1, 1), "tanh": (2, 3, 4)}.items()
        ...     for seed, value in enumerate(values)
        ... ]
        >>> [row] = effects(Results(name="", about={}, base="relu", jobs=jobs)).rows
        >>> row.difference.mean, round(row.p_corrected, 3), row.reading
        (2.0, 0.074, 'no difference shown')
    """
    undefined = undefined_measurements(results)
    names = [name for name in results.measurements if name != FLAG and name not in undefined]
    cells = [(setting, name) for setting in results.settings[1:] for name in names]
    differences = [_difference(results, *cell) for cell in cells]
    corrected = holm([difference.p for difference in differences])
    rows = [
        _effect(results, *cell, difference, p)
        for cell, difference, p in zip(cells, differences, corrected, strict=True)
    ]
    return Effects(
        base=results.base,
        rows=tuple(rows),
        tests=sum(p is not None for p in corrected),
        undefined=undefined,
    )


def undefined_measurements(results: Results) -> dict[str, str]:
    """The measurements that are NaN in every finished job, and why, in the words of the jobs."""
    found = {}
    for name in results.measurements:
        figure = f"test/{name}"
        if not any(results.values(setting, figure) for setting in results.settings):
            said = dict.fromkeys(job.undefined[figure] for job in results.finished.values() if figure in job.undefined)
            found[name] = "; ".join(said) or "NaN in every job"
    return found


def degenerate_pairs(results: Results, *settings: str) -> set[int]:
    """The seeds of which a network of any of these settings is degenerate."""
    return {seed for setting in settings for seed in results.degenerate(setting)}


def _difference(results: Results, setting: str, name: str, without: frozenset[int] = frozenset()) -> Difference:
    sides = [results.values(side, f"test/{name}") for side in (setting, results.base)]
    kept = [{seed: value for seed, value in side.items() if seed not in without} for side in sides]
    return paired_difference(*kept)


def _effect(results: Results, setting: str, name: str, difference: Difference, p: float | None) -> Effect:
    values, base = (results.values(side, f"test/{name}") for side in (setting, results.base))
    pairs = sorted(values.keys() & base.keys())
    dead = degenerate_pairs(results, setting, results.base) & set(pairs)
    mean = sum(base[seed] for seed in pairs) / len(pairs) if pairs else 0.0
    return Effect(
        setting=setting,
        measurement=name,
        difference=difference,
        relative=difference.mean / abs(mean) if mean and math.isfinite(difference.mean) else None,
        p_corrected=p,
        degenerate=tuple(sorted(dead)),
        alive=_difference(results, setting, name, frozenset(dead)) if dead else None,
        reading=_reading(name, difference, p, bool(dead)),
        reason=_reason(results, setting, name, difference),
    )


def _reading(name: str, difference: Difference, p: float | None, dead: bool) -> Reading:
    if p is None:
        return "undefined"
    if dead and name not in QUALITY:
        return "degenerate"
    if p >= ALPHA:
        return "no difference shown"
    return "higher" if difference.mean > 0 else "lower"


def _reason(results: Results, setting: str, name: str, difference: Difference) -> str | None:
    """Why something is undefined; where no seed has both, what the jobs themselves say."""
    if difference.n > 0:
        return difference.reason
    for side in (results.base, setting):
        jobs = [job for (of, _), job in results.finished.items() if of == side]
        if not jobs:
            return f"no job of {side} has finished"
        said = dict.fromkeys(job.undefined.get(f"test/{name}", "no value") for job in jobs)
        if not results.values(side, f"test/{name}"):
            return f"{side}: {'; '.join(said)}"
    return "no seed has both"
