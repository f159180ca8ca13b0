"""What would change a decision, and what to relax: each holds when it is done."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from simplicity_sweep.report.decision.bounds import roundest, told
from simplicity_sweep.report.decision.choice import Decision, decide
from simplicity_sweep.report.decision.requirements import Requirements, parse
from simplicity_sweep.report.results import Results
from tests.report.given import drawn, given


def asked(requirements: Requirements, swaps: dict[str, str], added: str | None = None) -> Requirements:
    """The requirements with some texts replaced, and a hard limit more."""
    require = [swaps.get(str(limit), str(limit)) for limit in requirements.require]
    prefer = [swaps.get(str(objective), str(objective)) for objective in requirements.prefer]
    return parse([*require, *([added] if added else [])], prefer)


def changed(results: Results, decision: Decision, index: int) -> str | None:
    """Who is recommended once a change is made."""
    change = decision.changes[index]
    if change.kind == "added":
        other = asked(decision.requirements, {}, change.instead)
    else:
        other = asked(decision.requirements, {change.stated: change.instead})
    return decide(results, other, resamples=1).recommended


@pytest.mark.parametrize("random", range(8))
def test_every_change_holds_as_it_is_stated(random):
    results = drawn(8, "abc", random=random)
    wishes = ["minimise a", "maximise b weight 2", "c >= 0.3 weight 0.5"]
    decision = decide(results, parse(["a <= best + 2", "c >= -1"], wishes), resamples=1)
    assert decision.changes
    for index, change in enumerate(decision.changes):
        assert changed(results, decision, index) == change.setting != decision.recommended


@pytest.mark.parametrize("random", range(4))
def test_a_change_is_the_nearest(random):
    results = drawn(8, "ab", random=random)
    decision = decide(results, parse(["b >= -1"], ["minimise a", "maximise b"]), resamples=1)
    for change in decision.changes:
        if change.kind == "added":
            continue
        head, start = change.stated.rsplit(" ", 1)[0], change.stated.rsplit(" ", 1)[1]
        if change.kind == "weight":
            head, start = f"{change.stated} weight", "1"
        end = float(change.instead.rsplit(" ", 1)[1])
        path = [
            decide(
                results, asked(decision.requirements, {change.stated: f"{head} {number!r}"}), resamples=1
            ).recommended
            for number in np.linspace(float(start), end, 12).tolist()
        ]
        turns = sum(one != other for one, other in pairwise(path))
        assert (path[0], path[-1], turns) == (decision.recommended, change.setting, 1)


def test_changes_by_hand():
    # In units of √(2/3) the regrets in a and b are x 0, 2, y 1, 1, z 2, 0: sums 3, 2.5, 2 with b weighing 1.5. x is as
    # good as z, and y no better, where a weighs 1.5 or b weighs 1.
    results = given({"x": {"a": 1, "b": 1}, "y": {"a": 2, "b": 2}, "z": {"a": 3, "b": 3}})
    decision = decide(results, parse(["a <= 10"], ["minimise a", "maximise b weight 1.5"]))
    assert decision.recommended == "z"
    assert [(change.kind, change.instead, change.setting) for change in decision.changes] == [
        ("tighter", "a <= 2.9", "y"),
        ("weight", "minimise a weight 1.6", "x"),
        ("weight", "maximise b weight 0.9", "x"),
    ]
    assert decision.changes[0].text == "If `a <= 2.9` were required instead of `a <= 10`: y."


def test_the_weight_told_is_the_one_before_a_third_setting_wins():
    # x → y where w = 1.1·σa/σb, y → z where w = 1.12·σa/σb; σa = 0.816, σb = 0.907: 0.991 and 1.009.
    results = given({"x": {"a": 3, "b": 0}, "y": {"a": 2, "b": 1.1}, "z": {"a": 1, "b": 2.22}})
    decision = decide(results, parse([], ["minimise a weight 0.8", "minimise b"]))
    assert decision.recommended == "x"
    [found] = [change for change in decision.changes if change.instead.startswith("minimise a")]
    assert (found.instead, found.setting) == ("minimise a weight 0.992", "y")


def test_a_limit_that_would_leave_nobody_says_so():
    decision = decide(given({"x": {"a": 1}, "y": {"a": 2}}), parse(["a <= 3"], ["minimise a"]))
    assert [change.text for change in decision.changes] == [
        "If `a <= 0.9` were required instead of `a <= 3`: no setting would be admissible."
    ]


def test_a_looser_limit_lets_a_better_one_in():
    decision = decide(given({"x": {"a": 1, "b": 5}, "y": {"a": 2, "b": 3}}), parse(["a <= 1.5"], ["minimise b"]))
    assert ("looser", "a <= 2.1", "y") in [(change.kind, change.instead, change.setting) for change in decision.changes]


def test_a_soft_limit_made_hard_is_tried():
    results = given({"x": {"a": 3, "b": 0}, "y": {"a": 1, "b": 9}})
    decision = decide(results, parse([], ["a <= 2 weight 0.2", "minimise b"]))
    assert decision.recommended == "x"
    assert ("added", "a <= 2", "y") in [(change.kind, change.instead, change.setting) for change in decision.changes]


def test_the_smallest_relaxation_of_one_limit_comes_first():
    # accuracy must come down by 0.02 of 0.97 (2 %) for y; flips must go up by 0.001 of 0.004 (25 %) for x.
    figures = {"x": (0.98, 0.005), "y": (0.95, 0.003), "fails both": (0.969, 0.00401)}
    results = given({name: {"accuracy": a, "flip_rate": f} for name, (a, f) in figures.items()})
    decision = decide(results, parse(["accuracy >= 0.97", "flip_rate <= 0.004"], ["maximise accuracy"]))
    assert decision.recommended is None
    found = [(step.instead, r.setting, step.by, step.share) for r in decision.relaxations for step in r.limits]
    assert found == [
        ("accuracy >= 0.95", "y", pytest.approx(0.02), pytest.approx(0.02 / 0.97)),
        ("flip_rate <= 0.005", "x", pytest.approx(0.001), pytest.approx(0.25)),
    ]
    assert decision.reason == (
        "No setting meets every hard limit. Relax `accuracy >= 0.97` to `accuracy >= 0.95` (by 0.02, 2.1 % of the "
        "bound): then y would be recommended."
    )
    assert "no setting is admissible" in decision.how_sure


def test_two_limits_are_relaxed_where_no_single_one_is_enough():
    results = given({"x": {"a": 12, "b": 15}, "y": {"a": 11, "b": 18}, "z": {"a": 30, "b": 11}})
    [relaxation] = decide(results, parse(["a <= 10", "b <= 10"], ["minimise a"])).relaxations
    assert relaxation.setting == "x"  # 20 % + 50 % against 10 % + 80 % and 200 % + 10 %
    assert [limit.instead for limit in relaxation.limits] == ["a <= 12", "b <= 15"]
    assert relaxation.cost == pytest.approx(0.7)


def test_a_bound_of_zero_and_one_to_the_best_can_be_relaxed():
    results = given({"x": {"a": 1, "b": 10}, "y": {"a": 4, "b": 12}})
    found = decide(results, parse(["a <= 0"], [])).relaxations
    assert [(r.setting, r.limits[0].instead, r.limits[0].share) for r in found] == [("x", "a <= 1", 0.25)]
    found = decide(results, parse(["a >= 4", "b <= best + 1"], [])).relaxations
    assert [(r.setting, [step.instead for step in r.limits]) for r in found] == [
        ("y", ["b <= best + 2"]),
        ("x", ["a >= 1"]),
    ]
    assert found[0].limits[0].share == pytest.approx(1 / 11)


@pytest.mark.parametrize("random", range(8))
def test_every_relaxation_holds_as_it_is_stated(random):
    results = drawn(6, "abc", random=random)
    decision = decide(results, parse(["a >= 2.5", "b <= -2", "c >= best - 0.1"], ["minimise a"]), resamples=1)
    assert decision.recommended is None
    assert decision.relaxations
    for relaxation in decision.relaxations:
        swaps = {limit.stated: limit.instead for limit in relaxation.limits}
        after = decide(results, asked(decision.requirements, swaps), resamples=1)
        assert after.recommended == relaxation.setting


def test_a_round_number_lies_between_and_a_told_one_is_told_apart():
    for one, other in np.random.default_rng(0).normal(size=(50, 2)).tolist():
        near = one * (1 + 1e-6)
        assert min(one, other) <= roundest(one, other) <= max(one, other)
        assert min(one, near) <= roundest(one, near) <= max(one, near)
        assert told(one, near) != told(near, one)
        assert roundest(one, one) == one
