"""What a search is to find, and from where it is taken."""

from __future__ import annotations

import math

import pytest

from simplicity_sweep.config import ConfigError
from simplicity_sweep.report.decision.requirements import parse
from simplicity_sweep.search.goals import Goals

CONFIG = {
    "task": {"name": "classification"},
    "decide": {"require": ["flip_rate <= 0.1"], "prefer": ["maximise accuracy", "minimise flip_rate"]},
    "measure": {"measurements": {"flip_rate": {}}},
}


def asked(objectives=None, direction=None, **decide):
    return Goals.asked(objectives, direction, CONFIG | ({"decide": {**CONFIG["decide"], **decide}} if decide else {}))


def test_the_wishes_are_the_objectives_and_the_hard_limits_the_limits_where_none_are_given():
    goals = asked()
    assert list(goals.objectives.items()) == [("val/accuracy", "maximize"), ("val/flip_rate", "minimize")]
    assert [str(limit) for limit in goals.limits] == ["flip_rate <= 0.1"]


def test_objectives_go_by_the_names_of_metrics_on_the_validation_set():
    assert asked({"val/loss": "minimise"}).objectives == {"val/loss": "minimize"}
    assert asked({"flip_rate": "minimize"}).objectives == {"val/flip_rate": "minimize"}
    with pytest.raises(ConfigError, match=r"looks at the validation set only.*Write val/accuracy"):
        asked({"test/accuracy": "maximize"})


def test_a_direction_alone_is_that_of_what_a_job_returns():
    assert asked(direction="maximize").objectives == {"val/accuracy": "maximize"}
    assert asked(direction=["maximize"]).objectives == {"val/accuracy": "maximize"}


@pytest.mark.parametrize(
    ("objectives", "direction", "decide", "why"),
    [
        ({"val/accuracy": "up"}, None, {}, "'up' should be minimize or maximize"),
        ({"val/lz76_path": "maximize"}, None, {}, "`lz76_path` is not measured"),
        ({"val/accuracy": "maximize"}, "maximize", {}, "give one of them"),
        (None, ["maximize", "minimize"], {}, "a job returns one value"),
        (None, None, {"prefer": ["accuracy >= 0.9"]}, "can follow wishes"),
        (None, None, {"prefer": []}, "can follow wishes"),
        (None, None, {"require": ["lz76_path >= 3"]}, "`lz76_path` is not measured"),
    ],
)
def test_what_cant_be_sought_is_refused(objectives, direction, decide, why):
    with pytest.raises(ConfigError, match=why) as refused:
        asked(objectives, direction, **decide)
    assert "hydra.sweeper.objectives={" in str(refused.value)


def test_a_limit_beside_the_best_of_the_only_objective_is_none():
    assert asked(direction="maximize", require=["accuracy >= best - 0.01"]).limits == ()
    assert len(asked(direction="minimize", require=["accuracy >= best - 0.01"]).limits) == 1


@pytest.mark.parametrize("lost", [math.nan, math.inf, -1.7976931348623157e308, None])
def test_values_that_are_no_finite_numbers_are_none(lost):
    metrics = {"val/accuracy": 0.5, "val/flip_rate": lost}
    assert asked().values({name: value for name, value in metrics.items() if value is not None}) is None
    assert asked().values({"val/accuracy": 0.5, "val/flip_rate": 0.25}) == [0.5, 0.25]


def test_limits_are_broken_by_what_is_lacking_and_by_dead_networks():
    goals = Goals({}, parse(["accuracy >= best - 0.25", "flip_rate <= 0.5"], []).require)
    best = {"val/accuracy": 1.0, "val/flip_rate": 0.75, "val/degenerate": 0.0}
    dead = {"val/accuracy": 0.25, "val/flip_rate": 0.0, "val/degenerate": 1.0}
    assert goals.violations([best, dead]) == [[-0.25, 0.25, 0.0], [0.5, -0.5, 1.0]]
    assert goals.violations([{"val/accuracy": 1.0}]) == [[-0.25, 1.0]]
