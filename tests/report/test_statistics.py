from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from scipy import stats

from simplicity_sweep.report.statistics import Pairs, holm, mean_interval, paired_difference

SAMPLES = [[1.0, 2.0], [0.97, 0.971, 0.968, 0.972, 0.969], list(np.random.default_rng(5).lognormal(size=12))]
SWEEPS = 2000
# Of 2,000 intervals that each cover with probability 0.95, so few or so many do in all but 1 of 1,000 repetitions.
COVERED = stats.binom.interval(0.999, SWEEPS, 0.95)


def by_seed(values):
    return dict(enumerate(values))


@pytest.mark.parametrize("level", [0.5, 0.95, 0.99])
@pytest.mark.parametrize("values", SAMPLES)
def test_the_interval_is_students(values, level):
    found = mean_interval(values, level)
    expected = stats.t.interval(level, len(values) - 1, np.mean(values), stats.sem(values))
    assert (found.low, found.high) == pytest.approx(expected, rel=1e-9)
    assert (found.mean, found.sd, found.n) == pytest.approx((np.mean(values), np.std(values, ddof=1), len(values)))
    assert found.reason is None


def test_one_value_has_no_interval():
    found = mean_interval([0.97])
    assert (found.mean, found.low, found.high, found.sd, found.n) == (0.97, None, None, None, 1)
    assert found.reason == "one value has no spread"


def test_no_value_has_no_mean():
    found = mean_interval([])
    assert math.isnan(found.mean)
    assert (found.n, found.reason) == (0, "no values")


def test_equal_values_give_an_interval_of_width_0_and_their_number():
    found = mean_interval([0.1, 0.1, 0.1])  # whose mean as NumPy rounds it is not 0.1
    assert (found.mean, found.low, found.high, found.sd, found.n) == (0.1, 0.1, 0.1, 0.0, 3)


@pytest.mark.parametrize("infinite", [math.inf, sys.float_info.max, -sys.float_info.max])
def test_an_infinite_value_has_a_reason_and_no_mean(infinite):
    found = mean_interval([infinite, 2.3, sys.float_info.max])
    assert math.isnan(found.mean)
    assert (found.low, found.n, found.reason) == (None, 3, "infinite values")
    difference = paired_difference(by_seed([infinite, 2.3, 2.2]), by_seed([2.3, sys.float_info.max, 2.4]))
    assert (difference.p, difference.g, difference.reason) == (None, None, "infinite values")


def test_nan_and_an_impossible_level_are_refused():
    with pytest.raises(ValueError, match="got NaN"):
        mean_interval([1.0, math.nan])
    with pytest.raises(ValueError, match="`level` to be between 0 and 1, but got 95"):
        mean_interval([1.0, 2.0], level=95)


def test_a_paired_difference_has_the_paired_t_tests_p_and_interval():
    values, base = np.random.default_rng(2).normal([[2], [1]], 1, (2, 6))
    expected = stats.ttest_rel(values, base)
    found = paired_difference(by_seed(values), by_seed(base))
    assert found.p == pytest.approx(expected.pvalue, rel=1e-9)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval(0.95)), rel=1e-9)
    assert (found.n, found.unpaired, found.reason) == (6, 0, None)


def test_only_seeds_that_both_have_count_and_the_others_are_counted():
    found = paired_difference({0: 2.0, 1: 3.0, 2: math.nan, 7: 9.0}, {2: 1.0, 1: 1.0, 0: 1.0, 8: 9.0, 9: 9.0})
    assert (found.mean, found.n, found.unpaired) == (1.5, 2, 4)  # seeds 2, 7, 8 and 9


@pytest.mark.parametrize(
    ("values", "base", "expected"),
    [
        # Differences 2, 3, 4; standard deviations 2 and 1; J(2) = Γ(1)/Γ(1/2) = 1/√π.
        ([3, 5, 7], [1, 2, 3], 3 / math.sqrt((4 + 1) / 2) / math.sqrt(math.pi)),
        # Differences −1, −2, −2, −2, −3 with mean −2; both variances 2.5 and 2; J(4) = 0.797885 (Hedges 1981, table).
        ([1, 2, 3, 4, 5], [2, 4, 5, 6, 8], -2 / math.sqrt((2.5 + 5) / 2) * 0.7978846),
        # A dead network has no spread of its own, but its base has one.
        ([2, 2, 2], [3, 4, 5], -2 / math.sqrt(1 / 2) / math.sqrt(math.pi)),
    ],
)
def test_hedges_g_is_in_units_of_the_average_spread_between_seeds(values, base, expected):
    assert paired_difference(by_seed(values), by_seed(base)).g == pytest.approx(expected, rel=1e-6)


def test_equal_differences_leave_p_undefined_and_say_why():
    found = paired_difference(by_seed([0.3, 0.4, 0.5]), by_seed([0.2, 0.3, 0.4]))  # unequal in the last bit
    assert (found.mean, found.low, found.high) == pytest.approx((0.1, 0.1, 0.1))
    assert found.p is None
    assert found.g == pytest.approx(1 / math.sqrt(math.pi))
    assert found.reason == "all differences are equal, so there is no test"


def test_two_settings_without_any_spread_have_no_effect_size():
    found = paired_difference(by_seed([2.0, 2.0, 2.0]), by_seed([3.0, 3.0, 3.0]))
    assert (found.mean, found.p, found.g) == (-1.0, None, None)
    assert "no effect size without spread" in found.reason


def test_a_single_pair_has_a_difference_and_nothing_else():
    found = paired_difference({3: 2.0}, {3: 0.5, 4: 1.0})
    assert (found.mean, found.n, found.unpaired) == (1.5, 1, 1)
    assert (found.low, found.high, found.p, found.g) == (None, None, None, None)
    assert found.reason == "one value has no spread"


def test_two_pairs_have_a_p_value_but_no_effect_size():
    found = paired_difference(by_seed([1.0, 2.0]), by_seed([0.0, 0.0]))
    assert found.p == pytest.approx(2 * math.atan(1 / 3) / math.pi)  # t = 3 on 1 degree of freedom: a Cauchy variable
    assert (found.g, found.reason) == (None, "no effect size below three pairs")


def test_settings_without_a_common_seed_have_no_difference():
    found = paired_difference({0: 1.0}, {1: 1.0})
    assert math.isnan(found.mean)
    assert (found.n, found.unpaired, found.reason) == (0, 2, "no values")


@pytest.mark.parametrize(
    ("p_values", "expected"),
    [
        ([], []),
        ([0.03], [0.03]),
        ([None, None], [None, None]),
        ([0.01, 0.02, 0.03, 0.04, 0.05], [0.05, 0.08, 0.09, 0.09, 0.09]),  # 5·0.01, 4·0.02, 3·0.03, then no less
        ([0.04, 0.01, 0.03], [0.06, 0.03, 0.06]),
        ([0.5, 0.6, None], [1.0, 1.0, None]),
        ([0.02, 0.02], [0.04, 0.04]),
    ],
)
def test_holm_multiplies_by_how_many_are_left(p_values, expected):
    assert holm(p_values) == [pytest.approx(p) for p in expected]


@pytest.mark.parametrize("factor", [0.5, 1.0, 1.05])
def test_a_ratio_is_tested_by_the_t_test_of_setting_minus_factor_times_base(factor):
    values, base = np.random.default_rng(3).normal(1, 0.2, (2, 5))
    pairs = Pairs.by_seed(by_seed(values), by_seed(base))
    for alternative, found in (("less", pairs.p_below(factor)), ("greater", pairs.p_above(factor))):
        expected = stats.ttest_1samp(values - factor * base, 0, alternative=alternative).pvalue
        assert found == pytest.approx(expected, rel=1e-9)


def test_fiellers_interval_ends_where_the_test_of_the_ratio_starts_to_reject():
    values, base = np.random.default_rng(4).normal([[3], [2]], 0.3, (2, 5))
    pairs = Pairs.by_seed(by_seed(values), by_seed(base))
    ends = pairs.ratio_interval()
    assert pairs.ratio() == pytest.approx(values.mean() / base.mean())
    assert ends[0] < pairs.ratio() < ends[1]
    for end in ends:
        assert stats.ttest_1samp(values - end * base, 0).pvalue == pytest.approx(0.05, rel=1e-6)


def test_a_base_that_may_be_0_leaves_the_ratio_unbounded():
    assert Pairs.by_seed(by_seed([1.0, 2.0, 3.0]), by_seed([-1.0, 0.0, 2.0])).ratio_interval() is None
    assert Pairs.by_seed(by_seed([1.0, 2.0]), by_seed([0.0, 0.0])).ratio_interval() is None
    assert math.isnan(Pairs.by_seed(by_seed([1.0, 2.0]), by_seed([0.0, 0.0])).ratio())
    assert Pairs.by_seed({0: 1.0}, {0: 1.0}).ratio_interval() is None


def test_intervals_cover_the_truth_in_95_of_100_sweeps():
    random = np.random.default_rng(0)
    covered = {"mean": 0, "difference": 0, "ratio": 0}
    for _ in range(SWEEPS):
        shared = random.normal(0, 0.1, 5)
        values, base = (mean + shared + random.normal(0, 0.05, 5) for mean in (3.0, 2.0))
        mean, difference = mean_interval(values), paired_difference(by_seed(values), by_seed(base))
        ratio = Pairs(values, base).ratio_interval()
        covered["mean"] += mean.low < 3 < mean.high
        covered["difference"] += difference.low < 1 < difference.high
        covered["ratio"] += ratio[0] < 1.5 < ratio[1]
    assert all(COVERED[0] <= count <= COVERED[1] for count in covered.values()), covered


def test_hedges_g_errs_towards_0_and_by_no_more_than_a_ninth():
    random = np.random.default_rng(1)
    found = []
    for _ in range(1000):
        values, base = random.normal(2, 1, 5), random.normal(0, 1, 5)
        found.append(paired_difference(by_seed(values), by_seed(base)).g)
    assert 2 * 8 / 9 - 3 * stats.sem(found) < np.mean(found) < 2
