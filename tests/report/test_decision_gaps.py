"""Decisions on sweeps with gaps: one seed, failed or running jobs, figures that are undefined or infinite."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from simplicity_sweep.report.decision.choice import decide
from simplicity_sweep.report.decision.requirements import parse
from simplicity_sweep.report.results import Job, ReportError, Results
from tests.report.given import given

TABLE = {"x": {"a": [1, 2, 3, 4, 5], "b": 1}, "y": {"a": [2, 3, 4, 5, 6], "b": 1}}
ASKED = parse(["b <= 2"], ["minimise a"])


def without(results: Results, cells: dict[tuple[str, int], Job | None]) -> Results:
    """The results with some jobs replaced, or left out."""
    jobs = [cells.get((job.setting, job.seed), job) for job in results.jobs]
    return replace(results, jobs=[job for job in jobs if job is not None])


def changed(results: Results, figures: dict[tuple[str, int], dict[str, float]], why: str = "") -> Results:
    """The results with some figures replaced, undefined for a reason."""
    return replace(
        results,
        jobs=[
            replace(job, figures={**job.figures, **new}, undefined=dict.fromkeys(new, why) if why else {})
            if (new := figures.get((job.setting, job.seed)))
            else job
            for job in results.jobs
        ],
    )


def test_one_seed_gives_a_recommendation_without_saying_how_sure():
    decision = decide(given({"x": {"a": 1}, "y": {"a": 2}}, seeds=1), parse(["a <= 3"], ["minimise a"]))
    assert decision.recommended == "x"
    assert decision.certainty is None
    assert decision.how_sure.startswith("How sure this is can't be said from one seed")
    assert [(standing.share, standing.checks[0].share, standing.checks[0].sure) for standing in decision.standings] == [
        (None, None, None)
    ] * 2


def test_few_seeds_are_said_to_say_little():
    decision = decide(given({"x": {"a": 1}}, seeds=3), parse([], ["minimise a"]))
    assert any("3 seeds say little" in note for note in decision.notes)


def test_missing_and_failed_seeds_are_listed_and_the_mean_is_over_the_others():
    cells = {
        ("x", 4): Job(setting="x", seed=4, status="FAILED", failure="out of memory"),
        ("x", 3): Job(setting="x", seed=3, status="MISSING"),
    }
    decision = decide(without(given(TABLE), cells), ASKED)
    [x] = [standing for standing in decision.standings if standing.setting == "x"]
    assert (x.means["a"], x.seeds) == (2.0, [0, 1, 2])
    assert (
        "x: 3 of 5 seeds have finished; its means are over these. "
        "Not seed 3: no run was recorded; seed 4: failed: out of memory." in decision.notes
    )


def test_a_setting_without_a_finished_job_is_listed_and_not_chosen():
    cells = {("x", seed): Job(setting="x", seed=seed, status="FAILED", failure="broke") for seed in range(5)}
    decision = decide(without(given(TABLE), cells), ASKED)
    assert decision.recommended == "y"
    assert decision.standings[-1].state == "unfinished"
    assert decision.standings[-1].why == "no job has finished (failed: broke)"


def test_a_setting_with_one_seed_among_others_with_more_is_called_overconfident():
    cells = dict.fromkeys([("x", seed) for seed in range(1, 5)])
    decision = decide(without(given(TABLE), cells), ASKED)
    assert decision.recommended == "x"
    assert any("x: one seed has no spread" in note for note in decision.notes)
    assert (decision.standings[0].checks[0].share, decision.standings[0].checks[0].sure) == (None, None)


def test_draws_without_a_seed_of_a_setting_do_not_choose_it():
    # x has seed 0 alone: 4 draws of 5 seeds miss it with probability 0.8⁴ = 0.41.
    decision = decide(without(given(TABLE), dict.fromkeys([("x", seed) for seed in range(1, 5)])), ASKED)
    assert decision.certainty is not None
    assert decision.certainty.chosen["x"] <= 1 - 0.8**4 + 0.04
    assert decision.certainty.nothing == 0


def test_a_sweep_still_running_is_said_to():
    cells = {("x", seed): Job(setting="x", seed=seed, status="RUNNING") for seed in range(5)}
    decision = decide(without(given(TABLE), cells), ASKED)
    assert "5 jobs still running: the recommendation can change." in decision.notes
    assert decision.standings[-1].why == "no job has finished (running)"


def test_a_sweep_without_a_finished_job_recommends_nothing():
    jobs = [Job(setting="x", seed=0, status="RUNNING")]
    decision = decide(
        Results(name="", about={}, base="x", jobs=jobs), parse(["accuracy >= best"], ["minimise flip_rate"])
    )
    assert decision.recommended is None
    assert decision.reason == "No setting can be recommended: 1 of 1 have no finished job."
    assert decision.how_sure == ""


@pytest.mark.parametrize(
    ("value", "why", "told"),
    [
        (math.nan, "constant outputs", "constant outputs"),
        (math.nan, "", "undefined"),
        (math.inf, "", "infinite"),
        (-1.7976931348623157e308, "", "infinite"),  # as MLflow keeps it
    ],
)
def test_one_figure_that_is_not_finite_rules_its_setting_out_rather_than_being_averaged_away(value, why, told):
    decision = decide(changed(given(TABLE), {("x", 1): {"test/a": value}}, why), ASKED)
    assert decision.recommended == "y"
    assert decision.standings[-1].state == "undefined"
    assert decision.standings[-1].why == f"a is no finite number for seed 1 ({told})"


def test_a_figure_that_is_not_asked_about_may_be_undefined():
    results = changed(given(TABLE), {("x", 1): {"test/b": math.nan}})
    assert decide(results, parse([], ["minimise a"])).recommended == "x"


def test_a_metric_that_some_settings_lack_rules_them_out():
    decision = decide(given({"x": {"a": 1}, "y": {"a": 2, "b": 1}}), parse([], ["minimise b"]))
    assert decision.recommended == "y"
    assert decision.standings[-1].why == "b is no finite number for seeds 0, 1, 2, 3, 4 (not measured)"


def test_a_metric_that_is_undefined_everywhere_is_refused_by_name():
    results = changed(given(TABLE), {(s, n): {"test/b": math.nan} for s in TABLE for n in range(5)}, "constant outputs")
    with pytest.raises(ReportError, match=r"`b <= 2` can't be judged: b is no finite number in any .*constant outputs"):
        decide(results, ASKED)


def test_a_metric_that_was_not_measured_is_refused_by_name():
    with pytest.raises(
        ReportError, match=r"`bb` is not measured; the nearest name is `b`. Measured .*: a, b, degenerate"
    ):
        decide(given(TABLE), parse([], ["minimise bb"]))
