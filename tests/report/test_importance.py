from __future__ import annotations

import math
import sys
from itertools import product

import numpy as np
import optuna
import pytest
from scipy import stats

from simplicity_sweep.report.importance import hyperparameters, importances
from simplicity_sweep.report.results import Job, Results

LEVELS = {"activation": ("relu", "tanh"), "optim.lr": ("0.001", "0.01")}
SEEDS = 3


def grid(value, levels=LEVELS, seeds=SEEDS, noise=0.0, keep=lambda *_: True, **figures):
    """A job for each combination and seed, whose `test/a` is a function of the combination, plus noise."""
    random = np.random.default_rng(0)
    jobs = []
    for combination, seed in product(product(*levels.values()), range(seeds)):
        params = dict(zip(levels, combination, strict=True)) | {"seed": str(seed), "data": "mnist"}
        found = {"test/a": value(*combination) + random.normal(0, noise)} | {
            f"test/{name}": of for name, of in figures.items()
        }
        setting = " ".join(f"{name}={of}" for name, of in zip(levels, combination, strict=True))
        if keep(*combination):
            jobs.append(Job(setting=setting, seed=seed, status="FINISHED", params=params, figures=found))
    return Results(name="", about={}, base=jobs[0].setting, jobs=jobs)


def sweep_of(params, seeds=5):
    """Jobs of settings with these parameters, `test/a` different in each."""
    jobs = [
        Job(setting=setting, seed=seed, status="FINISHED", params=of, figures={"test/a": place + seed / 9})
        for place, (setting, of) in enumerate(params.items())
        for seed in range(seeds)
    ]
    return Results(name="", about={}, base=next(iter(params)), jobs=jobs)


def test_shares_of_an_additive_grid_are_those_of_its_variance():
    # Effects ±2 and ±1: variances 4 and 1, so shares 4/5 and 1/5.
    found = importances(grid(lambda act, lr: 2 * (-1) ** (act == "tanh") + (-1) ** (lr == "0.01"), noise=0.01, seeds=5))
    assert found.reason is None
    [row] = found.rows
    assert (row.measurement, row.jobs, row.degenerate, row.reason) == ("a", 20, 0, None)
    assert row.shares == {"activation": pytest.approx(0.8, abs=0.05), "optim.lr": pytest.approx(0.2, abs=0.05)}
    assert row.rest == pytest.approx(0, abs=0.05)


def test_levels_weigh_the_same_in_a_larger_grid():
    # Activation −1, 0, 1, 2 with variance 5/4; rate 0, 0, 3 with variance 2; depth nothing.
    levels = {"activation": ("a", "b", "c", "d"), "depth": ("1", "2"), "optim.lr": ("1", "2", "3")}
    height = {"a": -1, "b": 0, "c": 1, "d": 2}
    [row] = importances(grid(lambda act, _, lr: height[act] + 3 * (lr == "3"), levels=levels, noise=0.05)).rows
    assert row.shares["activation"] == pytest.approx(1.25 / 3.25, abs=0.05)
    assert row.shares["optim.lr"] == pytest.approx(2 / 3.25, abs=0.05)
    assert row.shares["depth"] < 0.01


def test_a_pure_interaction_is_nobodys_share():
    [row] = importances(grid(lambda act, lr: float((act == "tanh") == (lr == "0.01")), noise=0.01, seeds=10)).rows
    assert max(row.shares.values()) < 0.1
    assert row.rest > 0.8


def test_shares_are_the_same_every_time_and_optunas_log_is_left_as_it_was(capfd):
    results = grid(lambda act, lr: (act == "tanh") + 2 * (lr == "0.01"), noise=0.1)
    optuna.logging.set_verbosity(optuna.logging.DEBUG)
    try:
        assert importances(results) == importances(results)
        assert optuna.logging.get_verbosity() == optuna.logging.DEBUG
    finally:
        optuna.logging.set_verbosity(optuna.logging.INFO)
    assert capfd.readouterr() == ("", "")
    assert "FanovaImportanceEvaluator" in importances(results).method


def test_degenerate_networks_are_left_in_and_counted():
    [row] = importances(grid(lambda act, lr: float(lr == "0.01"), degenerate=1.0)).rows
    assert (row.degenerate, row.jobs) == (12, 12)
    assert row.shares["optim.lr"] == pytest.approx(1)


def test_settings_that_dont_differ_beyond_their_seeds_have_no_shares():
    results = grid(lambda *_: 1.0, noise=0.1)
    [row] = importances(results).rows
    assert (row.shares, row.rest) == ({}, None)
    assert "don't differ beyond their seeds" in row.reason
    # The F test of a two-way layout without interaction, by its sums of squares.
    values = np.array([job.figures["test/a"] for job in results.jobs]).reshape(4, SEEDS)
    residual = values - values.mean(0) - values.mean(1, keepdims=True) + values.mean()
    between = SEEDS * ((values.mean(1) - values.mean()) ** 2).sum()
    assert row.p == pytest.approx(stats.f.sf(between / 3 / ((residual**2).sum() / 6), 3, 6))


def test_what_all_settings_of_a_seed_share_does_not_hide_their_difference():
    shift = iter(np.repeat([[0.0, 5.0, -5.0]], 4, axis=0).ravel())
    [row] = importances(grid(lambda act, _: (act == "tanh") + next(shift), noise=0.05)).rows
    assert row.p < 0.001


def test_one_seed_gives_shares_without_a_test():
    levels = {"activation": ("a", "b", "c"), "optim.lr": ("1", "2", "3")}
    [row] = importances(grid(lambda act, _: float(act == "c"), levels=levels, seeds=1)).rows
    assert row.p is None
    assert row.shares["activation"] > 0.8


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (1.0, "the same in every job"),
        (math.nan, "NaN in every job"),
        (sys.float_info.max, "infinite values"),
    ],
)
def test_a_measurement_without_finite_variance_has_no_shares(value, reason):
    [row] = importances(grid(lambda *_: value)).rows
    assert (row.shares, row.rest, row.reason) == ({}, None, reason)


def test_a_measurement_that_is_undefined_in_much_of_the_grid_has_no_shares():
    [row] = importances(grid(lambda _, lr: math.nan if lr == "0.01" else 1.0)).rows
    assert row.reason == "activation and optim.lr aren't crossed: 2 of 4 combinations have a value"
    assert row.jobs == 6


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"a": {}, "b": {}}, "no hyperparameter varies"),
        ({"a": {"optim.lr": "1"}, "b": {"optim.lr": "2"}}, "one hyperparameter varies (optim.lr)"),
        (
            {"relu": {"activation": "relu", "optim.lr": "1"}, "tanh": {"activation": "tanh", "optim.lr": "2"}},
            "one hyperparameter varies (optim.lr + activation)",
        ),
        (
            {
                "base": {"setting": "base", "activation": "relu", "optim.lr": "1"},
                "tanh": {"setting": "tanh", "activation": "tanh", "optim.lr": "1"},
                "high_lr": {"setting": "high_lr", "activation": "relu", "optim.lr": "2"},
            },
            "activation and optim.lr aren't crossed: 3 of 4",
        ),
    ],
)
def test_a_sweep_that_is_no_grid_has_a_reason_instead_of_shares(params, reason):
    found = importances(sweep_of(params))
    assert found.rows == ()
    assert found.reason.startswith(reason)


def test_a_handful_of_jobs_is_too_few():
    assert importances(grid(lambda *_: 1.0, seeds=1)).reason == "4 jobs have a value; at least 8 are needed"


def test_a_missing_cell_of_a_large_grid_is_no_obstacle():
    levels = {"activation": ("a", "b", "c"), "optim.lr": ("1", "2", "3")}
    found = importances(grid(lambda act, _: float(act == "c"), levels, keep=lambda *of: of != ("b", "2")))
    assert found.reason is None
    assert found.rows[0].shares["activation"] > 0.9


def test_parameters_that_another_one_determines_count_once():
    found = hyperparameters(
        sweep_of(
            {
                "a": {"seed": "0", "activation": "leaky_relu", "activation.negative_slope": "0.01", "optim.lr": "0.1"},
                "b": {"seed": "1", "activation": "relu", "optim.lr": "0.02"},
                "c": {"seed": "2", "activation": "tanh", "optim.lr": "0.1"},
                "d": {"seed": "3", "activation": "tanh", "optim.lr": "1e-3"},
            }
        )
    )
    assert [(one.name, one.together, one.levels) for one in found] == [
        ("activation", ("activation", "activation.negative_slope"), ("leaky_relu", "relu", "tanh")),
        ("optim.lr", ("optim.lr",), ("1e-3", "0.02", "0.1")),
    ]
    assert found[1].of == {"a": 2, "b": 1, "c": 2, "d": 0}


def test_an_empty_sweep_has_no_shares():
    assert importances(Results(name="", about={}, base="base", jobs=[])).reason is not None
