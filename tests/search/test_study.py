"""The trials of a search: what is tried, and that a cut changes nothing."""

from __future__ import annotations

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState

from hydra_plugins.optuna_sweeper import _SAMPLERS
from simplicity_sweep.config import ConfigError
from simplicity_sweep.report.decision.requirements import parse
from simplicity_sweep.search.goals import Goals
from simplicity_sweep.search.sampler import Sampler
from simplicity_sweep.search.space import Space
from simplicity_sweep.search.study import Study
from simplicity_sweep.search.trial import Known

SPACE = Space(
    {"x": None, "kind": None},
    {"x": FloatDistribution(0, 1), "kind": CategoricalDistribution(["a", "b"])},
    [[]],
)
BOTH = Goals({"val/accuracy": "maximize", "val/flip_rate": "minimize"}, parse(["accuracy >= best - 0.5"], []).require)


def figures(params):
    x, worse = params["x"], params["kind"] == "b"
    return {"val/accuracy": 1 - (x - 0.7) ** 2 - worse / 4, "val/flip_rate": x, "val/degenerate": 0.0}


def opened(storage, sampler="tpe", goals=BOTH, space=SPACE, startup=4):
    config = {**_SAMPLERS[sampler], **({"n_startup_trials": startup} if sampler in ("tpe", "gp") else {})}
    if sampler == "nsgaii":
        config["population_size"] = 4
    study = Study.opened(storage, None, "search", space, goals, Sampler(config))
    if not study.is_prepared:
        study.prepare()
    return study


def searched(study, trials=12, size=3, batches=99):
    """Runs so many batches at most."""
    while batches and (batch := study.batch(size, trials)):
        for trial in batch:
            if trial.same_as is None:
                study.result(trial, figures(trial.params))
            else:
                study.repeat(trial)
        batches -= 1
    return [trial.params for trial in study.trials()]


@pytest.mark.parametrize("sampler", ["nsgaii", "random", "tpe"])
@pytest.mark.parametrize("told", [0, 1])
def test_a_search_that_was_cut_off_tries_what_one_never_cut_off_tries(sampler, told):
    whole = opened(optuna.storages.InMemoryStorage(), sampler)
    alone = searched(whole)
    storage = optuna.storages.InMemoryStorage()
    study = opened(storage, sampler)
    searched(study, batches=2)
    cut = study.batch(3, 12)
    for trial in cut[:told]:
        study.result(trial, figures(trial.params))
    after = opened(storage, sampler)  # another process, which has read the results of before
    for trial in after.trials():
        if not trial.open:
            after.remember(trial, figures(trial.params))
    assert searched(after) == alone
    assert after.trials() == whole.trials()


@pytest.mark.parametrize("sampler", ["random", "tpe"])  # NSGA-II crosses over what it has
def test_the_settings_of_a_batch_differ(sampler):
    tried = searched(opened(optuna.storages.InMemoryStorage(), sampler), trials=16, size=8)
    assert len({tuple(params.values()) for params in tried}) == 16


def test_another_seed_tries_other_settings():
    one, other = (
        Study.opened(None, None, "search", SPACE, BOTH, Sampler({**_SAMPLERS["random"], "seed": seed}))
        for seed in (0, 1)
    )
    for study in (one, other):
        study.prepare()
    assert searched(one) != searched(other)


def test_a_trial_without_a_finite_value_fails_and_the_search_goes_on():
    study = opened(None)
    first, second = study.batch(2, 6)
    assert not study.result(first, None)
    assert not study.result(second, {"val/accuracy": float("nan"), "val/flip_rate": 0.0})
    assert len(searched(study, trials=6)) == 6
    states = [trial.state for trial in study._record.trials]
    assert states == [TrialState.FAIL] * 2 + [TrialState.COMPLETE] * 4


def test_an_equal_setting_costs_no_second_run():
    few = Space({"kind": None}, {"kind": CategoricalDistribution(["a", "b"])}, [["seed=0"], ["seed=1"]])
    study = opened(None, space=few)
    ran = []
    while batch := study.batch(3, 9):
        for trial in batch:
            if trial.same_as is None:
                ran.append((trial.params["kind"], trial.job))
                study.result(trial, {"val/accuracy": 1.0, "val/flip_rate": 0.0})
            else:
                study.repeat(trial)
    assert sorted(job for _, job in ran) == [0, 2]  # two jobs each
    assert len(study.trials()) == 9
    assert all(study.values_of(trial) == [1.0, 0.0] for trial in study.trials())


def test_known_results_count_as_trials_and_guesses_are_tried_first():
    study = Study.opened(None, None, "search", SPACE, BOTH, Sampler(_SAMPLERS["tpe"]))
    known = {"x": 0.5, "kind": "a"}
    for _ in range(2):  # as after a cut in between
        study.prepare([Known(known, figures(known), "run")], [{"x": 0.25, "kind": "b"}, known])
    guess, same = study.batch(2, 2)
    assert (guess.params, guess.job) == ({"x": 0.25, "kind": "b"}, 0)
    assert (same.params, same.job) == (known, None)
    assert study.repeat(same)
    assert [values for _, values in study.best()].count([figures(known)["val/accuracy"], 0.5]) == 2


@pytest.mark.slow
def test_a_gaussian_process_chooses_among_several_objectives_under_limits_and_is_repeatable():
    tried = [
        searched(opened(optuna.storages.InMemoryStorage(), "gp", startup=3), trials=5, size=2, batches=3)
        for _ in range(2)
    ]
    assert tried[0] == tried[1]
    assert len({tuple(params.values()) for params in tried[0]}) == 5


@pytest.mark.parametrize("sampler", ["tpe", "nsgaii"])
def test_hard_limits_draw_the_search_to_where_they_are_kept(sampler):
    """Unlimited, the lowest x is best; it must be 0.5 at least."""
    lowest = {"val/flip_rate": "minimize"}
    limits = parse(["accuracy >= 0.96"], []).require  # |x − 0.7| ≤ 0.2 of kind a
    free, kept = (searched(opened(None, sampler, Goals(lowest, of)), trials=40, size=2)[20:] for of in ((), limits))
    share = [sum(figures(params)["val/accuracy"] >= 0.96 for params in tried) / 20 for tried in (free, kept)]
    assert share[1] > share[0] + 0.2, share


def test_the_best_keep_the_limits_as_they_stand_at_the_end():
    study = opened(None, goals=Goals({"val/flip_rate": "minimize"}, parse(["accuracy >= best - 0.1"], []).require))
    first, second = study.batch(2, 2)
    study.result(first, {"val/accuracy": 0.5, "val/flip_rate": 0.0})
    study.result(second, {"val/accuracy": 0.9, "val/flip_rate": 0.5})
    assert [values for _, values in study.best()] == [[0.5]]


def test_a_study_about_something_else_is_refused():
    storage = optuna.storages.InMemoryStorage()
    opened(storage)
    with pytest.raises(ConfigError, match=r"The study 'search' looks for .*; this command for"):
        opened(storage, goals=Goals({"val/accuracy": "maximize"}))


@pytest.mark.parametrize(
    ("config", "why"),
    [
        (None, "should be one of"),
        ({"_target_": "os.system", "command": "true"}, "should be one of"),
        ({"_target_": "optuna.samplers.TPESampler", "startup": 1}, "startup"),
    ],
)
def test_a_sampler_that_is_none_is_refused(config, why):
    with pytest.raises(ConfigError, match=why):
        Sampler(config)
