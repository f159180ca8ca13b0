"""Intervals, paired comparisons and corrected p values, for a handful of replicates.

By Student's t: replicates are few, independent, and taken for roughly normal. What can't be computed is None.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit

Array = npt.NDArray[np.float64]

LEVEL = 0.95  # of confidence intervals
ALPHA = 0.05  # how often a test may be wrong where there is nothing to find
ROUNDING = 1e-12  # of the values' size: what differs by less differs by rounding
INFINITE = 1e300  # taken for an infinity, in whose place MLflow keeps the largest float


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean and how well it is known.

    Attributes:
        mean: of the values; NaN without any, or where one is infinite.
        low: lower end of the confidence interval; None if there is none.
        high: upper end.
        n: how many values.
        sd: standard deviation between them, by n − 1.
        reason: why there is no interval.
    """

    mean: float
    low: float | None = None
    high: float | None = None
    n: int
    sd: float | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How far a setting lies from another one, by the seeds that both have.

    Attributes:
        mean: of the differences, setting − base; NaN without any, or where a value is infinite.
        low: lower end of the confidence interval.
        high: upper end.
        p: of the two-sided paired t test of no difference.
        g: Hedges' g_av, the difference in units of the spread between seeds: see `paired_difference`.
        n: how many pairs.
        unpaired: how many seeds were left out because only one of the two has a value.
        reason: what is None, and why.
    """

    mean: float
    low: float | None = None
    high: float | None = None
    p: float | None = None
    g: float | None = None
    n: int
    unpaired: int = 0
    reason: str | None = None


@dataclass(frozen=True, eq=False)
class Pairs:
    """The values of a setting and of its base, in the order of the seeds that both have; `unpaired` others one has."""

    values: Array
    base: Array
    unpaired: int = 0

    @classmethod
    def by_seed(cls, values: Mapping[int, float], base: Mapping[int, float]) -> Pairs:
        """The pairs of two mappings from seeds; NaN is as good as none."""
        known = [{seed for seed, value in side.items() if not math.isnan(value)} for side in (values, base)]
        seeds = sorted(known[0] & known[1])
        found = [np.array([side[seed] for seed in seeds], dtype=np.float64) for side in (values, base)]
        return cls(found[0], found[1], len(known[0] ^ known[1]))

    @property
    def n(self) -> int:
        """How many."""
        return len(self.values)

    def differences(self, factor: float = 1.0) -> Interval:
        """Of setting − factor·base, with sd 0 where they are equal but for rounding."""
        size = max(abs(self.values).max(initial=0), abs(self.base).max(initial=0))
        with np.errstate(over="ignore", invalid="ignore"):  # infinite values get a reason
            return _interval(self.values - factor * self.base, LEVEL, size)

    def p_below(self, factor: float) -> float | None:
        """The p value of the setting's mean being no less than factor·base's; None without spread.

        By the one-sided paired t test of setting − factor·base, which minds the base's spread too (a test of the ratio
        of two means: Hauschke, Kieser & Hothorn 1999, for two samples).
        """
        t = _t(self.differences(factor))
        return None if t is None else float(stdtr(self.n - 1, t))

    def p_above(self, factor: float) -> float | None:
        """The p value of the setting's mean being no more than factor·base's: as `p_below`."""
        t = _t(self.differences(factor))
        return None if t is None else float(stdtr(self.n - 1, -t))

    def ratio(self) -> float:
        """Of the means, setting / base; NaN if the base's is not above 0, or there is none."""
        base = mean_interval(self.base).mean
        return mean_interval(self.values).mean / base if base > 0 else math.nan

    def ratio_interval(self) -> tuple[float, float] | None:
        """The factors that the two-sided test of setting − factor·base doesn't reject at 5 % (Fieller 1954).

        None below two pairs, and where a base not told from 0 leaves the ratio unbounded.

        Example:
            Without spread in the base it is the setting's own interval, (2 ± 4.303/√3) / 4.

            >>> [round(end, 3) for end in Pairs(np.array([1.0, 2, 3]), np.array([4.0, 4, 4])).ratio_interval()]
            [-0.121, 1.121]
        """
        if self.differences().sd is None:
            return None
        t = float(stdtrit(self.n - 1, (1 + LEVEL) / 2))
        spread = np.cov(self.values, self.base) * t**2 / self.n
        y, x = float(self.values.mean()), float(self.base.mean())
        a, b, c = x * x - spread[1, 1], x * y - spread[0, 1], y * y - spread[0, 0]
        if a <= 0 or x < 0:
            return None
        half = math.sqrt(max(b * b - a * c, 0.0))
        return float((b - half) / a), float((b + half) / a)


def mean_interval(values: Sequence[float] | Array, level: float = LEVEL) -> Interval:
    """The mean with its confidence interval, `mean ± t(n − 1)·sd/√n` (Student 1908).

    Equal values give an interval of width 0: read it with its n.

    Raises:
        ValueError: if a value is NaN, or `level` not between 0 and 1.

    Example:
        Mean 2, sd 1, and t = 4.303 for 2 degrees of freedom: 2 ± 4.303/√3.

        >>> found = mean_interval([1, 2, 3])
        >>> found.mean, round(found.low, 3), round(found.high, 3), found.n
        (2.0, -0.484, 4.484, 3)
        >>> mean_interval([5]).reason
        'one value has no spread'
    """
    if not 0 < level < 1:
        raise ValueError(f"Expected argument `level` to be between 0 and 1, but got {level}.")
    found = np.asarray(values, dtype=np.float64)
    if np.isnan(found).any():
        raise ValueError("Expected argument `values` to hold numbers, but got NaN. Leave undefined ones out.")
    return _interval(found, level, abs(found).max(initial=0))


def paired_difference(values_by_seed: Mapping[int, float], base_by_seed: Mapping[int, float]) -> Difference:
    """The mean difference by seed with its 95 % t interval, p value and effect size.

    The effect size is Hedges' g by the average variance of the two settings, `g_av = J(n − 1)·mean / √((sd² +
    sd_base²)/2)`, with `J(m) = Γ(m/2) / (√(m/2)·Γ((m − 1)/2))` against the bias of few seeds (Hedges 1981; for pairs
    Cumming 2012, p. 294). It sets the difference against the spread that whoever trains one network meets. `d_z`, by
    the differences' own sd, is t/√n over again and grows with how well the seeds pair, so that it can't be compared
    between settings (Lakens 2013). With n − 1 degrees of freedom g errs towards 0, at n = 5 by up to 11 %. Below three
    pairs J is 0, and there is no g.

    Example:
        Differences 1, 2, 3: t = 2/(1/√3) = 3.464. The sds are 1 and 0, J(2) = 1/√π: g = 2/√(1/2)/√π.

        >>> found = paired_difference({0: 1, 1: 2, 2: 3, 9: 9}, {0: 0, 1: 0, 2: 0})
        >>> found.mean, round(found.p, 3), round(found.g, 3), found.n, found.unpaired
        (2.0, 0.074, 1.596, 3, 1)
    """
    pairs = Pairs.by_seed(values_by_seed, base_by_seed)
    found = pairs.differences()
    t, (g, no_g) = _t(found), _hedges_g(pairs, found)
    no_test = "all differences are equal, so there is no test" if t is None else None
    return Difference(
        mean=found.mean,
        low=found.low,
        high=found.high,
        p=None if t is None else 2 * float(stdtr(found.n - 1, -abs(t))),
        g=g,
        n=found.n,
        unpaired=pairs.unpaired,
        reason=found.reason or "; ".join(reason for reason in (no_test, no_g) if reason) or None,
    )


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """The p values corrected for their number, so that in ≤ 5 % of families even one below 0.05 is wrong (Holm 1979).

    The i-th smallest of m is multiplied by m + 1 − i, and none falls below a smaller one. An undefined one (None) is
    no test: it stays None and doesn't count.

    Example:
        >>> # 0.01·3, 0.04·1, and 0.03·2, which lifts 0.04
        >>> [None if p is None else round(p, 3) for p in holm([0.01, 0.04, None, 0.03])]
        [0.03, 0.06, None, 0.06]
    """
    order = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, place) in enumerate(order):
        largest = max(largest, min(1.0, p * (len(order) - rank)))
        corrected[place] = largest
    return corrected


def _interval(values: Array, level: float, size: float) -> Interval:
    n = len(values)
    if n == 0 or size >= INFINITE:
        return Interval(mean=math.nan, n=n, reason="no values" if n == 0 else "infinite values")
    if n == 1:
        return Interval(mean=float(values[0]), n=1, reason="one value has no spread")
    mean, sd = _mean_and_sd(values, size)
    half = float(stdtrit(n - 1, (1 + level) / 2)) * sd / math.sqrt(n)
    return Interval(mean=mean, low=mean - half, high=mean + half, n=n, sd=sd)


def _mean_and_sd(values: Array, size: float) -> tuple[float, float]:
    """The latter is 0 where values of this size are equal but for rounding."""
    if values.max() - values.min() <= ROUNDING * size:
        return float(values[0]), 0.0
    mean = float(values.mean())
    return mean, math.sqrt(float(((values - mean) ** 2).sum()) / (len(values) - 1))


def _t(found: Interval) -> float | None:
    """Student's t of a mean of 0; None without spread."""
    return found.mean / found.sd * math.sqrt(found.n) if found.sd else None


def _hedges_g(pairs: Pairs, found: Interval) -> tuple[float | None, str | None]:
    """The effect size, or why there is none."""
    if found.sd is None or found.n < 3:
        return None, "no effect size below three pairs"
    spread = [_mean_and_sd(side, abs(side).max())[1] for side in (pairs.values, pairs.base)]
    if not any(spread):
        return None, "no effect size without spread between seeds"
    m = found.n - 1
    bias = math.exp(math.lgamma(m / 2) - math.lgamma((m - 1) / 2)) / math.sqrt(m / 2)
    return bias * found.mean / math.hypot(*spread) * math.sqrt(2), None
