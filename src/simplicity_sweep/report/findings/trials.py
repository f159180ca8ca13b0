"""A claim put to the test under one definition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import chain
from typing import Literal

from simplicity_sweep.report.effects import degenerate_pairs
from simplicity_sweep.report.findings.claims import MARGIN, Claim, constant_sequence
from simplicity_sweep.report.labels import controls
from simplicity_sweep.report.results import Results
from simplicity_sweep.report.statistics import ALPHA, Pairs, holm, mean_interval

TrialVerdict = Literal["holds", "does not hold", "undecided", "meaningless"]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One setting against another, over the seeds that both have.

    Attributes:
        setting: which.
        against: held against this one.
        means: of both; NaN where a value is infinite or there is none.
        ratio: of the means, counted from a constant sequence's where the claim is about a collapse; NaN if undefined.
        interval: the ratio's 95 % interval (Fieller 1954); None if there is none.
        n: how many seeds.
        degenerate: the seeds of which one of the two networks is degenerate.
        reason: why there is no test.
    """

    setting: str
    against: str
    means: tuple[float, float]
    ratio: float
    interval: tuple[float, float] | None
    n: int
    degenerate: tuple[int, ...]
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What the seeds say of a claim under one definition.

    Attributes:
        comparisons: what was compared.
        p_holds: below 0.05 the claim is shown to hold, in all comparisons; None without a test.
        p_fails: below 0.05 it is shown not to hold, in one comparison at least.
        p_control: below 0.05 `control` is shown to have the same; None where that doesn't matter.
        control: of the null controls the one that the networks are nearest to.
    """

    comparisons: tuple[Comparison, ...]
    p_holds: float | None
    p_fails: float | None
    p_control: float | None = None
    control: str | None = None

    @property
    def verdict(self) -> TrialVerdict:
        """What is shown; at most one of `holds` and `does not hold` can be."""
        if _shown(self.p_control):
            return "meaningless"
        if _shown(self.p_holds):
            return "holds"
        return "does not hold" if _shown(self.p_fails) else "undecided"

    @property
    def reason(self) -> str | None:
        """Why there is nothing to compare."""
        empty = next((one for one in self.comparisons if one.n == 0), None)
        if empty is None:
            return None
        alive = "whose networks are not degenerate " if empty.degenerate else ""
        return f"no seed {alive}has a value for both {empty.setting} and {empty.against}"


def trial(claim: Claim, results: Results, definition: str, settings: Sequence[tuple[str, str]]) -> Trial:
    """The p values of a claim, and of what makes it meaningless, under one definition.

    A claim of several comparisons holds if all of them do (intersection-union test, Berger 1982: the largest p needs no
    correction), and doesn't if one doesn't (the smallest, by Holm). One that says that something does not change is
    meaningless if the measurement couldn't see a change: where in every compared setting the networks lie within the
    margin of one of their own null controls. That is to be shown like a claim, by a test of equivalence (TOST), Holm's
    correction over controls: a difference that isn't significant shows nothing.

    A comparison's ratio of means is tested against the claim's bounds by one-sided paired t tests. Degenerate networks
    are left out, unless the claim is about them: what is said of an activation or of depth is said of networks that
    learn, and a dead one's 0 sensitivity would bear it out for nothing.

    Args:
        claim: which.
        results: the sweep's.
        definition: the measurement.
        settings: each setting, and which it is held against.
    """
    compared = [_Compared.of(claim, results, definition, *two) for two in settings]
    outside = [p for p in holm([one.p_outside(claim) for one in compared]) if p is not None]
    nearest = _nearest_control(results, definition, settings) if claim.of_no_change else None
    return Trial(
        comparisons=tuple(one.comparison() for one in compared),
        p_holds=_largest([p_within(one.counted, claim.low, claim.high) for one in compared]),
        p_fails=min(outside, default=None),
        control=nearest[1] if nearest else None,
        p_control=nearest[0] if nearest else None,
    )


def p_within(pairs: Pairs, low: float | None, high: float | None) -> float | None:
    """The p value of the ratio of means not lying between the bounds: the larger one of the one-sided tests'.

    With both bounds it is the test of equivalence (TOST, Schuirmann 1987). None where a test is undefined.

    Example:
        Differences from 0.5·base: 1, 2, 3 with t = 3.464 on 2 degrees of freedom; from 2·base: −5, −4, −3, t = −6.93.

        >>> import numpy as np
        >>> pairs = Pairs(np.array([3.0, 4, 5]), np.array([4.0, 4, 4]))
        >>> round(p_within(pairs, 0.5, 2), 4), round(p_within(pairs, None, 2), 4)
        (0.0371, 0.0101)
    """
    tests = [pairs.p_above(low)] if low is not None else []
    return _largest([*tests, *([pairs.p_below(high)] if high is not None else [])])


@dataclass(frozen=True)
class _Compared:
    """Two settings' values, and what they are counted from."""

    names: tuple[str, str]
    pairs: Pairs
    floor: float
    degenerate: tuple[int, ...]

    @classmethod
    def of(cls, claim: Claim, results: Results, definition: str, setting: str, against: str) -> _Compared:
        sides = [results.values(side, f"test/{definition}") for side in (setting, against)]
        dead = degenerate_pairs(results, setting, against) & sides[0].keys() & sides[1].keys()
        pairs = Pairs.by_seed(*(sides if claim.of_collapse else _without(dead, *sides)))
        floor = constant_sequence(definition) if claim.of_collapse else 0.0
        return cls((setting, against), pairs, floor, tuple(sorted(dead)))

    @property
    def counted(self) -> Pairs:
        return Pairs(self.pairs.values - self.floor, self.pairs.base - self.floor)

    def p_outside(self, claim: Claim) -> float | None:
        """The p value of the ratio lying within the claim's bounds, corrected for their number."""
        below = [] if claim.low is None else [self.counted.p_below(claim.low)]
        found = [*below, *([] if claim.high is None else [self.counted.p_above(claim.high)])]
        return min((p for p in holm(found) if p is not None), default=None)

    def comparison(self) -> Comparison:
        of = self.pairs
        return Comparison(
            setting=self.names[0],
            against=self.names[1],
            means=(mean_interval(of.values).mean, mean_interval(of.base).mean),
            ratio=self.counted.ratio(),
            interval=self.counted.ratio_interval(),
            n=of.n,
            degenerate=self.degenerate,
            reason=of.differences().reason,
        )


def _shown(p: float | None) -> bool:
    return p is not None and p < ALPHA


def _nearest_control(
    results: Results, definition: str, settings: Sequence[tuple[str, str]]
) -> tuple[float, str] | None:
    """The null control nearest to the networks in all settings: the p value of its not being within the margin of them
    in one, and its name; None if none can be tested."""
    found = {
        control: _largest(
            [_p_like_control(results, definition, control, one) for one in dict.fromkeys(chain(*settings))]
        )
        for control in controls(results, definition)
    }
    corrected = zip(holm(list(found.values())), found, strict=True)
    return min(((p, control) for p, control in corrected if p is not None), default=None)


def _p_like_control(results: Results, definition: str, control: str, setting: str) -> float | None:
    figures = (f"test/{definition}", f"null/{definition}/{control}")
    sides = _without(degenerate_pairs(results, setting), *(results.values(setting, figure) for figure in figures))
    return p_within(Pairs.by_seed(*sides), 1 - MARGIN, 1 + MARGIN)


def _without(seeds: AbstractSet[int], *sides: Mapping[int, float]) -> list[dict[int, float]]:
    return [{seed: value for seed, value in side.items() if seed not in seeds} for side in sides]


def _largest(p_values: Sequence[float | None]) -> float | None:
    """None if one of them is, or there are none."""
    known = [p for p in p_values if p is not None]
    return max(known) if known and len(known) == len(p_values) else None
