from __future__ import annotations

import math
import sys
from dataclasses import replace

import pytest
from scipy import stats

from simplicity_sweep.report.effects import effects
from simplicity_sweep.report.results import Job, Results
from tests.report.synthetic import sweep

SWEEPS = 2000
COVERED = stats.binom.interval(0.999, SWEEPS, 0.95)
MOST_FAMILIES_WRONG = stats.binom.ppf(0.999, SWEEPS, 0.05)


def results(figures, base="base", **more):
    """One job for each cell of `{setting: [figures under seed 0, 1, …]}`, finished where there are figures."""
    jobs = [
        Job(setting=setting, seed=seed, status="FINISHED" if of is not None else "FAILED", figures=of or {}, **more)
        for setting, by_seed in figures.items()
        for seed, of in enumerate(by_seed)
    ]
    return Results(name="", about={}, base=base, jobs=jobs)


def flips(*values, dead=()):
    return [
        {"test/flip_rate": value, "test/accuracy": 1 - value, "test/degenerate": float(seed in dead)}
        for seed, value in enumerate(values)
    ]


def test_known_effects_come_back_and_intervals_cover_them_in_95_of_100_sweeps():
    truth = {"base": {"test/a": 1.0, "test/b": 5.0}, "more": {"test/a": 1.2, "test/b": 5.0}}
    covered, found = dict.fromkeys("ab", 0), []
    for random in range(SWEEPS):
        for row in effects(sweep(truth, random=random)).rows:
            expected = {"a": 0.2, "b": 0.0}[row.measurement]
            covered[row.measurement] += row.difference.low < expected < row.difference.high
            found += [row.difference.mean] if row.measurement == "a" else []
    assert all(COVERED[0] <= count <= COVERED[1] for count in covered.values()), covered
    # The mean of 2,000 means of 5 differences, each with standard deviation 0.05·√2.
    assert sum(found) / SWEEPS == pytest.approx(0.2, abs=4 * 0.05 * math.sqrt(2 / 5 / SWEEPS))


def test_with_nothing_to_find_no_more_than_5_of_100_sweeps_find_something():
    nothing = {setting: {"test/a": 1.0, "test/b": 5.0} for setting in ("base", "tanh", "sigmoid")}
    wrong = sum(
        any(row.p_corrected < 0.05 for row in effects(sweep(nothing, random=random)).rows) for random in range(SWEEPS)
    )
    assert wrong <= MOST_FAMILIES_WRONG


def test_every_setting_but_the_base_stands_under_every_measurement_in_order():
    figures = {"test/lz76_path": 3.0, "test/accuracy": 0.9, "test/accuracy/standard_error": 0.1, "test/degenerate": 0.0}
    found = effects(sweep({"tanh": figures, "base": figures, "deeper": figures}, base="base"))
    assert [(row.setting, row.measurement) for row in found.rows] == [
        ("tanh", "accuracy"),
        ("tanh", "lz76_path"),
        ("deeper", "accuracy"),
        ("deeper", "lz76_path"),
    ]
    assert found.tests == 4
    assert "all 4 of them" in found.family
    assert found == effects(sweep({"tanh": figures, "base": figures, "deeper": figures}, base="base"))


def test_p_is_corrected_over_the_whole_table():
    of = [{"test/a": a, "test/b": b} for a, b in [(1.0, 1.0), (1.1, 1.1), (1.2, 1.2)]]
    more = [{"test/a": a, "test/b": b} for a, b in [(2.0, 1.1), (2.2, 1.0), (2.3, 1.4)]]
    a, b = effects(results({"base": of, "more": more})).rows
    assert a.difference.p == pytest.approx(stats.ttest_rel([2.0, 2.2, 2.3], [1.0, 1.1, 1.2]).pvalue)
    assert a.p_corrected == pytest.approx(2 * a.difference.p)
    assert b.p_corrected == pytest.approx(b.difference.p)
    assert (a.reading, b.reading) == ("higher", "no difference shown")
    assert a.relative == pytest.approx(3.2 / 3.3)


def test_a_dead_networks_0_is_no_stability():
    base, high = flips(0.30, 0.31, 0.33, 0.30), flips(0.0, 0.0, 0.25, 0.0, dead=(0, 1, 3))
    accuracy, rate = effects(results({"base": base, "high_lr": high})).rows
    assert rate.reading == "degenerate"
    assert rate.degenerate == (0, 1, 3)
    assert (rate.difference.n, rate.difference.mean) == (4, pytest.approx(-0.2475))
    assert (rate.alive.n, rate.alive.mean) == (1, pytest.approx(-0.08))
    assert accuracy.degenerate == (0, 1, 3)
    assert accuracy.reading != "degenerate"


def test_a_dead_base_marks_every_comparison_with_it():
    found = effects(results({"base": flips(0.0, 0.0, 0.1, dead=(0,)), "tanh": flips(0.3, 0.31, 0.33)}))
    assert [row.degenerate for row in found.rows] == [(0,), (0,)]
    assert found.rows[1].reading == "degenerate"


def test_without_dead_networks_there_is_nothing_to_leave_out():
    found = effects(results({"base": flips(0.30, 0.31, 0.33), "tanh": flips(0.4, 0.42, 0.42)}))
    assert [(row.degenerate, row.alive) for row in found.rows] == [((), None), ((), None)]


def test_a_measurement_that_is_nan_everywhere_is_listed_and_has_no_row():
    of = [{"test/noise_relative": math.nan, "test/accuracy": value} for value in (0.1, 0.2)]
    why = {"test/noise_relative": "a constant network"}
    found = effects(results({"base": of, "tanh": of}, undefined=why))
    assert found.undefined == {"noise_relative": "a constant network"}
    assert [row.measurement for row in found.rows] == ["accuracy"]
    assert effects(results({"base": of, "tanh": of})).undefined == {"noise_relative": "NaN in every job"}


def test_a_measurement_that_one_setting_lacks_says_whose_fault_it_is():
    dead = replace(
        Job(setting="high_lr", seed=0, status="FINISHED", figures={"test/noise_relative": math.nan}),
        undefined={"test/noise_relative": "a constant network"},
    )
    alive = Job(setting="base", seed=0, status="FINISHED", figures={"test/noise_relative": 0.03})
    [row] = effects(Results(name="", about={}, base="base", jobs=[alive, dead])).rows
    assert (row.reading, row.reason) == ("undefined", "high_lr: a constant network")
    assert (row.difference.n, row.difference.unpaired, row.relative) == (0, 1, None)


def test_failed_cells_are_counted_and_a_base_without_results_is_named():
    found = effects(results({"base": [*flips(0.3, 0.31), None], "tanh": flips(0.4, 0.42, 0.41)}))
    assert {(row.difference.n, row.difference.unpaired) for row in found.rows} == {(2, 1)}
    found = effects(results({"base": [None, None], "tanh": flips(0.4, 0.42)}))
    assert {row.reason for row in found.rows} == {"no job of base has finished"}
    assert found.tests == 0


def test_one_seed_gives_differences_without_tests():
    found = effects(results({"base": flips(0.3), "tanh": flips(0.4)}))
    assert [(row.reading, row.p_corrected, row.reason) for row in found.rows] == [
        ("undefined", None, "one value has no spread")
    ] * 2
    assert found.rows[1].relative == pytest.approx(1 / 3)


def test_an_infinite_loss_is_said():
    of = [{"test/loss": 2.0}, {"test/loss": 2.1}]
    [row] = effects(results({"base": of, "high_lr": [{"test/loss": sys.float_info.max}] * 2})).rows
    assert (row.reading, row.reason, row.relative) == ("undefined", "infinite values", None)


def test_an_empty_sweep_has_no_effects():
    found = effects(Results(name="", about={}, base="base", jobs=[]))
    assert (found.rows, found.tests, found.undefined) == ((), 0, {})
