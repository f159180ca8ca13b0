"""When a pruner stops a run, and what it may know of others."""

from __future__ import annotations

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState

from hydra_plugins.optuna_sweeper import _PRUNERS, _SAMPLERS
from simplicity_sweep.config import ConfigError
from simplicity_sweep.report.decision.requirements import parse
from simplicity_sweep.search.goals import Goals
from simplicity_sweep.search.pruner import Judge, Pruner, Rival, Rivals
from simplicity_sweep.search.running import Plan
from simplicity_sweep.search.sampler import Sampler
from simplicity_sweep.search.space import Space
from simplicity_sweep.search.study import Study
from simplicity_sweep.search.trial import Course

SPACE = Space({"x": None}, {"x": FloatDistribution(0, 1)}, [[]])
BEST = Goals({"val/accuracy": "maximize"})
EPOCHS = 9


def rivals(pruner="median", trials=(), direction="maximize", **arguments):
    config = {**_PRUNERS[pruner], **arguments}
    return Rivals(config, "val/accuracy", direction, "search", list(trials), {7: 3})


def whole(*curve):
    return Rival("COMPLETE", curve[-1], dict(enumerate(curve, 1)))


@pytest.mark.parametrize(
    ("direction", "value", "stopped"),
    [("maximize", 0.19, True), ("maximize", 0.2, False), ("minimize", 0.2, False), ("minimize", 0.21, True)],
)
def test_a_run_is_stopped_when_its_best_is_worse_than_the_median_after_as_many_epochs(direction, value, stopped):
    three = [whole(0.1, 0.9), whole(0.2, 0.9), whole(0.3, 0.9)]  # a median of 0.2 after one epoch
    judge = Judge(rivals(trials=three, direction=direction, n_startup_trials=3), 3)
    assert judge.stops({1: value}) is stopped


def test_nothing_is_stopped_before_there_are_enough_trials_and_epochs():
    three = [whole(0.5, 0.6, 0.7)] * 3
    assert not Judge(rivals(trials=three, n_startup_trials=4), 3).stops({1: 0.0})
    warm = Judge(rivals(trials=three, n_startup_trials=3, n_warmup_steps=2), 3)
    assert [warm.stops({1: 0.0}), warm.stops({1: 0.0, 2: 0.0})] == [False, True]


def test_a_run_that_goes_on_is_judged_as_one_never_cut_off():
    """Told of all epochs at once, the pruner has noted what it has noted of one after the other."""
    trials = [Rival("COMPLETE", 0.9, {1: 0.1, 4: 0.2}, {"completed_rung_0": 0.1, "completed_rung_1": 0.2})] * 4
    one, other = (Judge(rivals("successive_halving", trials), 4) for _ in range(2))
    curve = {1: 0.5, 2: 0.5, 3: 0.5, 4: 0.5}
    verdicts = [one.stops({epochs: value for epochs, value in curve.items() if epochs <= last}) for last in curve]
    assert verdicts == [False] * 4
    assert not other.stops(curve)
    assert one.notes() == other.notes() == {"completed_rung_0": 0.5, "completed_rung_1": 0.5}


def test_hyperband_goes_by_the_trials_own_number():
    """A trial's bracket is drawn from it, also where those of the same batch are not known yet."""
    trials = [Rival("COMPLETE", 0.9, {9: 0.9}, {f"completed_rung_{rung}": 0.9 for rung in range(3)})] * 3
    verdicts = [Judge(rivals("hyperband", trials), number).stops({1: 0.1}) for number in range(3, 40)]
    assert set(verdicts) == {True, False}  # the last bracket lets everybody train to the end


def test_rivals_are_read_as_they_were_written(tmp_path):
    written = rivals(trials=[whole(0.5, float("inf")), Rival("FAIL"), Rival("PRUNED", 0.1, {1: 0.1}, {"rung": 1})])
    written.write(tmp_path)
    assert Rivals.read(tmp_path) == written


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"_target_": "os.system", "command": "true"}, "should be one of"),
        ({"_target_": "optuna.pruners.PatientPruner"}, "should be one of"),
        ({"_target_": "optuna.pruners.MedianPruner", "startup": 1}, "startup"),
    ],
)
def test_a_pruner_that_is_none_is_refused(config, why):
    with pytest.raises(ConfigError, match=why):
        Pruner(config)


@pytest.mark.parametrize(
    ("objectives", "seeds", "why"),
    [
        (["val/accuracy", "val/lz76_path"], 1, "this search has 2: val/accuracy, val/lz76_path"),
        (["val/accuracy"], 3, "each setting has 3 here, one for each seed"),
    ],
)
def test_a_pruner_with_more_than_one_curve_a_trial_is_refused(objectives, seeds, why):
    space = Space(SPACE.words, SPACE.distributions, [[f"seed={seed}"] for seed in range(seeds)])
    sampler = Sampler(_SAMPLERS["random"])
    plan = {"trials": 1, "at_once": 1, "most_failures": 1.0, "storage": None, "study": None, "stop_on_error": False}
    for pruner in (None, Pruner(_PRUNERS["median"])):
        goals = Goals(dict.fromkeys(objectives, "maximize"))
        if pruner is None:
            Plan(space=space, goals=goals, sampler=sampler, pruner=pruner, **plan)
        else:
            with pytest.raises(ConfigError, match=why):
                Plan(space=space, goals=goals, sampler=sampler, pruner=pruner, **plan)


def opened(storage=None, goals=BEST):
    study = Study.opened(storage, None, "search", SPACE, goals, Sampler(_SAMPLERS["random"]))
    if not study.is_prepared:
        study.prepare()
    return study


def trained(study, batch, size, pruner):
    """Of each trial of a batch what a job makes of it: a curve as high as `x`, cut where its judge cuts it."""
    before = Rivals(_PRUNERS[pruner], "val/accuracy", "maximize", study.name, study.rivals(batch, size), {})
    found = {}
    for trial in batch:
        judge, curve, pruned = Judge(before, trial.number), {}, False
        while len(curve) < EPOCHS and not pruned:
            curve[len(curve) + 1] = trial.params["x"] * (len(curve) + 1)
            pruned = judge.stops(curve) and len(curve) < EPOCHS
        found[trial.number] = {"val/accuracy": curve[max(curve)]}, Course(curve, judge.notes(), pruned)
    return found


def searched(study, pruner, trials=12, size=3):
    while batch := study.batch(size, trials):
        found = trained(study, batch, size, pruner)
        for trial in batch:
            assert study.result(trial, *found[trial.number])
    return [(trial.state, trial.intermediate_values) for trial in study._record.trials]


@pytest.mark.parametrize("pruner", list(_PRUNERS))
@pytest.mark.parametrize("told", [0, 1, 2])
def test_a_search_that_was_cut_off_prunes_what_one_never_cut_off_prunes(pruner, told):
    alone = searched(opened(), pruner)
    assert {state for state, _ in alone} == {TrialState.COMPLETE, TrialState.PRUNED}
    storage = optuna.storages.InMemoryStorage()
    study = opened(storage)
    searched(study, pruner, trials=6)
    cut = study.batch(3, 12)
    found = trained(study, cut, 3, pruner)
    for trial in cut[:told]:
        study.result(trial, *found[trial.number])
    after = opened(storage)  # another process, which has read the results of before
    for trial, stored in zip(after.trials(), study._record.trials, strict=True):
        if not trial.open:
            after.remember(trial, {"val/accuracy": stored.value})
    assert searched(after, pruner) == alone


def test_an_equal_setting_of_a_pruned_trial_is_pruned_without_a_run():
    study = Study.opened(None, None, "search", SPACE, BEST, Sampler(_SAMPLERS["random"]))
    study.prepare(guesses=[{"x": 0.5}, {"x": 0.5}])
    first, same = study.batch(2, 2)
    assert (first.same_as, same.same_as) == (None, first.number)
    study.result(first, {"val/accuracy": 0.5}, Course({1: 0.5}, pruned=True))
    assert study.repeat(same)
    assert [trial.state for trial in study._record.trials] == [TrialState.PRUNED] * 2
    assert study._record.trials[1].intermediate_values == {1: 0.5}
    assert study.best() == []
    before = study.rivals(study.batch(2, 4), 2)
    assert before == [Rival("PRUNED", 0.5, {1: 0.5})] * 2
    study._metrics.clear()  # as in another process, which reads what jobs have logged
    study.remember(first, {"val/accuracy": 0.5})
    study.remember(same, None)
    assert study.rivals(study.batch(2, 4), 2) == before


def test_a_trial_that_breaks_a_limit_is_nobodys_rival():
    study = opened(goals=Goals({"val/accuracy": "maximize"}, parse(["flip_rate <= 0.1"], []).require))
    for trial, flips in zip(study.batch(3, 4), (0.0, 0.5, None), strict=True):
        metrics = None if flips is None else {"val/accuracy": 0.9, "val/flip_rate": flips}
        study.result(trial, metrics, None if metrics is None else Course({1: 0.9}))
    assert study.rivals(study.batch(3, 4), 3) == [Rival("COMPLETE", 0.9, {1: 0.9}), Rival("FAIL"), Rival("FAIL")]
