"""The decision: the right setting, how sure, and what happens where something is missing, dead or undefined."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm, t

from simplicity_sweep.report.decision.choice import decide
from simplicity_sweep.report.decision.requirements import parse
from simplicity_sweep.report.results import Job, Results
from tests.report.given import drawn, given

# METRICS.md, section 3: accuracy, flip rate, Jacobian norm of the probabilities, path complexity.
STUDY = {
    "base": (0.970, 0.0033, 0.069, 3.38),
    "tanh": (0.970, 0.0041, 0.075, 3.38),
    "sigmoid": (0.969, 0.0035, 0.079, 3.34),
    "leaky_relu": (0.972, 0.0032, 0.065, 3.38),
    "deeper": (0.969, 0.0037, 0.070, 3.41),
    "lower_lr": (0.942, 0.0049, 0.103, 3.24),
    "high_lr": (0.098, 0.0, 0.0, 2.0),
}
NAMES = ("accuracy", "flip_rate", "jacobian_norm_probabilities", "lz76_path")


def study() -> Results:
    table = {setting: dict(zip(NAMES, values, strict=True)) for setting, values in STUDY.items()}
    return given(table, degenerate={"high_lr": range(5)})


def chosen(results: Results, require: list[str], prefer: list[str]) -> str | None:
    return decide(results, parse(require, prefer), resamples=10).recommended


def test_regrets_scores_and_choice_are_those_computed_by_hand():
    # a: mean 2, sd √((4+1+1+4)/4) = √2.5 over 0, 1, 3, 4; b: mean 3, sd √2.5 over 5, 4, 2, 1 with d inadmissible.
    results = given(
        {
            "w": {"a": 0, "b": 5},
            "x": {"a": 1, "b": 4},
            "y": {"a": 3, "b": 2},
            "z": {"a": 4, "b": 1},
            "d": {"a": 9, "b": 0},
        }
    )
    decision = decide(results, parse(["a <= 4"], ["minimise a weight 3", "minimise b"]))
    assert decision.recommended == "w"
    assert decision.admissible == ["w", "x", "y", "z"]
    unit = math.sqrt(2.5)
    assert [standing.score for standing in decision.standings[:4]] == pytest.approx(
        [(0 * 3 + 4) / 4 / unit, (1 * 3 + 3) / 4 / unit, (3 * 3 + 1) / 4 / unit, (4 * 3 + 0) / 4 / unit]
    )
    assert decision.standings[1].regrets == pytest.approx({"minimise a weight 3": 1 / unit, "minimise b": 3 / unit})
    assert decision.runner_up is not None
    assert (decision.runner_up.setting, decision.runner_up.behind) == ("x", pytest.approx(0.5 / unit))
    assert decision.standings[4].state == "inadmissible"
    assert decision.standings[4].why == "its mean a is 9, not <= 4"


def test_the_spread_between_seeds_is_part_of_the_yardstick():
    # Between settings sd 1 (means ±1), within each sd 3 (divided by n): √(1 + 9).
    results = given({"x": {"a": [-4, 2]}, "y": {"a": [-2, 4]}}, seeds=2)
    decision = decide(results, parse([], ["maximise a"]))
    assert decision.standings[1].regrets == {"maximise a": pytest.approx(2 / math.sqrt(10))}


def test_a_soft_limit_counts_by_what_it_is_missed_by():
    # sd of a over 1, 2, 3 is √(2/3); `a <= 2` is missed by y alone, by 1; x is best in b by 0.1 of 0.1·√2/3.
    results = given({"x": {"a": 1, "b": 0}, "y": {"a": 3, "b": 1}, "z": {"a": 2, "b": 1}})
    decision = decide(results, parse([], ["a <= 2", "maximise b"]))
    assert decision.recommended == "z"
    by_name = {standing.setting: standing for standing in decision.standings}
    assert by_name["y"].regrets["a <= 2"] == pytest.approx(1 / math.sqrt(2 / 3))
    assert [by_name[name].missed["a <= 2"] for name in "xyz"] == [0, 1, 0]
    assert decision.front == ["z"]


def test_the_study_gives_what_its_table_says():
    near = "accuracy >= best - 0.01"
    assert chosen(study(), [near], ["maximise accuracy", "minimise flip_rate"]) == "leaky_relu"
    assert chosen(study(), [near, "flip_rate <= best + 0.01"], ["maximise lz76_path"]) == "deeper"
    decision = decide(study(), parse(["accuracy >= 0.97", "flip_rate <= 0.4%"], ["maximise lz76_path"]))
    assert decision.admissible == ["base", "leaky_relu"]
    assert decision.recommended == "base"  # 3.38 both
    assert any("tie between base, leaky_relu" in note for note in decision.notes)


def test_rounding_decides_neither_a_limit_nor_a_tie():
    assert (0.1 + 0.2 + 0.3) / 3 > 0.2
    results = given({"y": {"a": [0.1, 0.2, 0.3]}, "x": {"a": [0.3, 0.2, 0.1]}, "w": {"a": 0.2}}, seeds=3)
    decision = decide(results, parse(["a <= 0.2", "a >= 20%"], ["minimise a"]))
    assert decision.admissible == ["y", "w", "x"]
    assert decision.certainty is not None
    assert any("tie between y, w, x" in note for note in decision.notes)


@pytest.mark.parametrize("random", range(5))
def test_the_front_is_that_of_brute_force_and_holds_the_recommended_setting(random):
    results = drawn(12, "abc", random=random)
    decision = decide(results, parse(["c <= 1"], ["minimise a", "maximise b weight 2"]), resamples=10)
    means = {
        name: {metric: np.mean(list(results.values(name, f"test/{metric}").values())) for metric in "abc"}
        for name in results.settings
    }
    admissible = [name for name in means if means[name]["c"] <= 1]
    front = {
        name
        for name in admissible
        if not any(means[o]["a"] < means[name]["a"] and means[o]["b"] > means[name]["b"] for o in admissible)
    }
    assert set(decision.front) == front
    assert decision.recommended in front
    assert set(decision.admissible) == set(admissible)


@pytest.mark.parametrize("effect", [-0.2, 0.0, 0.1, 0.3])
def test_how_often_a_setting_is_chosen_is_what_theory_says_whatever_the_seeds_share(effect):
    n, generator = 40, np.random.default_rng(1)
    noise = generator.normal(size=n)
    difference = effect + (noise - noise.mean()) / noise.std(ddof=1)  # mean and sd are known exactly
    shared = generator.normal(scale=10, size=n)
    results = given({"x": {"a": shared.tolist()}, "y": {"a": (shared + difference).tolist()}}, seeds=n)
    certainty = decide(results, parse([], ["maximise a"])).certainty
    assert certainty is not None
    assert certainty.chosen["y"] == pytest.approx(norm.cdf(effect * math.sqrt(n)), abs=0.04)
    assert sum(certainty.chosen.values()) + certainty.nothing == pytest.approx(1)


def test_a_limit_is_met_as_often_as_theory_says_and_surely_where_the_interval_lies_beyond_it():
    n = 20
    values = 0.97 + 0.01 * norm.ppf((np.arange(n) + 0.5) / n)
    error = values.std(ddof=1) / math.sqrt(n)
    half = t.ppf(0.975, n - 1) * error
    results = given({"x": {"accuracy": values.tolist()}}, seeds=n)
    for bound, sure in ((0.97 - 1.01 * half, True), (0.97 - 0.99 * half, False), (0.97 + half, False)):
        [check] = decide(results, parse([f"accuracy >= {bound}"], [])).standings[0].checks
        assert check.sure is sure
        assert check.met is bool(bound < 0.97)
        assert check.share == pytest.approx(norm.sf(bound, 0.97, error), abs=0.03)


def test_a_limit_to_the_best_is_paired_by_seed_and_the_best_meets_it_surely():
    shared = np.array([0.0, 5.0, -3.0, 2.0, 9.0])
    table = {
        "best": {"a": shared.tolist()},
        "near": {"a": (shared - 0.5).tolist()},
        "far": {"a": (shared - 2).tolist()},
    }
    decision = decide(given(table), parse(["a >= best - 1"], ["maximise a"]))
    checks = {standing.setting: standing.checks[0] for standing in decision.standings}
    assert [(checks[name].met, checks[name].sure, checks[name].share) for name in table] == [
        (True, True, 1.0),
        (True, True, 1.0),
        (False, False, 0.0),
    ]
    assert checks["far"].bound == pytest.approx(shared.mean() - 1)
    assert decision.standings[2].why == "its mean a is 0.6, not >= 1.6 (>= best - 1)"


def test_the_same_results_in_any_order_give_the_same_decision():
    results = drawn(6, "ab")
    asked = parse(["a <= best + 2"], ["minimise a", "maximise b"])
    other = replace(results, jobs=list(reversed(results.jobs)))
    assert repr(decide(results, asked)) == repr(decide(other, asked)) == repr(decide(results, asked))


def test_neither_unit_nor_zero_nor_sign_of_a_measurement_matters():
    results = drawn(6, "ab")
    jobs = [
        replace(
            job,
            figures=job.figures | {"test/a": 7 - 300 * job.figures["test/a"], "test/b": job.figures["test/b"] / 1e6},
        )
        for job in results.jobs
    ]
    one = decide(results, parse([], ["minimise a", "maximise b weight 2", "a <= 1"]))
    other = decide(replace(results, jobs=jobs), parse([], ["maximise a", "maximise b weight 2", "a >= -293"]))
    assert [standing.setting for standing in one.standings] == [standing.setting for standing in other.standings]
    assert [standing.score for standing in one.standings] == pytest.approx([s.score for s in other.standings])
    assert one.front == other.front
    assert one.certainty is not None
    assert other.certainty is not None
    assert one.certainty.chosen == other.certainty.chosen


def test_what_a_hard_limit_forbids_does_not_shift_the_yardstick():
    table = {"x": {"a": 0, "b": 5}, "y": {"a": 1, "b": 3}, "z": {"a": 3, "b": 2}}
    asked = parse(["a <= 4"], ["minimise a", "minimise b"])
    without = decide(given(table), asked)
    beside = decide(given({**table, "far": {"a": 1e6, "b": -1e6}}), asked)
    assert [(s.setting, s.score) for s in without.standings] == [(s.setting, s.score) for s in beside.standings[:3]]


def test_a_tie_goes_to_the_base_then_to_the_first_name_and_is_split_in_the_shares():
    table = {"relu": {"a": 2}, "c": {"a": 1}, "b": {"a": 1}}
    decision = decide(given(table), parse([], ["minimise a"]))
    assert decision.recommended == "b"
    assert decision.certainty is not None
    assert decision.certainty.chosen == {"b": 0.5, "c": 0.5, "relu": 0.0}
    assert any("tie between b, c" in note for note in decision.notes)
    assert chosen(given({"relu": {"a": 1}, "c": {"a": 1}}), [], ["minimise a"]) == "relu"


def test_limits_alone_name_the_base_and_say_how_often_it_meets_them():
    decision = decide(given({"x": {"a": [1, 1, 4]}, "y": {"a": 1}}, seeds=3), parse(["a <= 2"], []))
    assert decision.recommended == "x"
    assert decision.notes[0].startswith("No wish is stated")
    assert "it meets every hard limit" in decision.how_sure
    assert decision.certainty is not None
    assert decision.certainty.admissible["x"] == pytest.approx(4 / 9, abs=0.04)  # neither of two draws is the 4
    assert decision.certainty.admissible["y"] == 1


@pytest.mark.parametrize("dead", [[2], [0, 1, 2, 3, 4]])
def test_a_setting_with_a_degenerate_network_is_never_recommended(dead):
    table = {"base": {"flip_rate": 0.1}, "dead": {"flip_rate": 0.0}}
    decision = decide(given(table, degenerate={"dead": dead}), parse(["flip_rate <= best + 1"], ["minimise flip_rate"]))
    assert decision.recommended == "base"
    last = decision.standings[-1]
    assert (last.setting, last.state, last.share) == ("dead", "degenerate", None)
    assert last.why.startswith(f"degenerate in {len(dead)} of 5 runs (seed")
    assert last.why.endswith("is not stability")
    assert decision.standings[0].checks[0].bound == pytest.approx(1.1)  # the best living one's


def test_nothing_is_recommended_where_every_setting_is_degenerate():
    decision = decide(given({"x": {"a": 1}}, degenerate={"x": [0]}), parse(["a <= 2"], ["minimise a"]))
    assert (decision.recommended, decision.certainty, decision.changes, decision.relaxations) == (None, None, [], [])
    assert (
        decision.reason
        == "No setting can be recommended: 1 of 1 have degenerate networks, whose calm is not stability."
    )


def test_networks_that_nobody_checked_for_degeneracy_are_named():
    jobs = [Job(setting="x", seed=seed, status="FINISHED", figures={"test/a": 1.0}) for seed in range(5)]
    decision = decide(Results(name="", about={}, base="x", jobs=jobs), parse([], ["minimise a"]))
    assert any("not measured for x" in note for note in decision.notes)


def best_in_turn(settings: int, seeds: int, otherwise: float) -> Results:
    """Setting `k` has 0 under seed `k` and else 1; the first has `otherwise` else."""
    jobs = [
        Job(
            setting=f"setting{k}",
            seed=seed,
            status="FINISHED",
            figures={"test/flip_rate": 0.0 if k == seed else otherwise if k == 0 else 1.0},
        )
        for k in range(settings)
        for seed in range(seeds)
    ]
    return Results(name="in turn", about={}, base="setting0", jobs=jobs)


@pytest.mark.parametrize(
    ("results", "said"),
    [
        (best_in_turn(2, 5, otherwise=0.1), "Recommended: setting0"),
        # By hand: of draws of 4 of 5 seeds, the first wins where its own seed comes as often as any other: 33.5 %.
        (best_in_turn(5, 5, otherwise=0.99), "Ahead, but not clearly: setting0"),
        (best_in_turn(2, 1, otherwise=0.1), "Ahead in the only seed: setting0"),
    ],
)
def test_the_headline_is_no_surer_than_the_draws(results, said):
    assert decide(results, parse([], ["minimise flip_rate"])).headline == said


def test_the_headline_says_when_nothing_can_be_chosen():
    decision = decide(best_in_turn(2, 5, otherwise=0.1), parse(["flip_rate >= 2"], []))
    assert decision.headline == "No setting can be recommended"
