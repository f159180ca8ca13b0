"""What a search found, by hand."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import yaml

from simplicity_sweep import artifacts
from simplicity_sweep.report.reading import read_results
from simplicity_sweep.report.search.history import best_so_far, hypervolume_so_far
from simplicity_sweep.report.search.importance import search_importances
from simplicity_sweep.report.search.trials import Search
from simplicity_sweep.store import Store
from tests.report.search.searched import BOTH, SPACE, random_search, search, trial
from tests.report.stored import job, opened


def test_the_front_is_what_no_other_trial_beats():
    tried = [
        trial(0, 0.8, 0.1),
        trial(1, 0.9, 0.2),
        trial(2, 0.7, 0.1),  # beaten by the first
        trial(3, 0.9, 0.2, same_as=1),
        trial(4, 0.99, 0.0, keeps=False),
        trial(5, 0.99, 0.0, state="PRUNED"),
        trial(6, state="FAIL"),
        trial(7, 0.8, 0.1),  # as good as the first, and another setting
    ]
    assert [one.number for one in search(tried).front] == [1, 0, 7]


def test_of_one_objective_the_front_is_the_best():
    tried = [trial(0, 0.3), trial(1, 0.1), trial(2, 0.2)]
    assert [one.number for one in search(tried, {"val/loss": "minimize"}).front] == [1]
    assert [one.number for one in search(tried, {"val/accuracy": "maximize"}).front] == [0]


def test_only_what_counts_brings_a_search_further():
    tried = [trial(0, state="FAIL"), trial(1, 0.5), trial(2, 0.9, state="PRUNED"), trial(3, 0.8, keeps=False)]
    assert best_so_far(search(tried, {"val/accuracy": "maximize"}))[1:] == [0.5, 0.5, 0.5]
    both = [trial(0, 0.0, 1.0), trial(1, 0.5, 0.5), trial(2, 1.0, 0.0, state="PRUNED"), trial(3, 1.0, 0.5)]
    assert hypervolume_so_far(search(both)) == [0.0, 0.5, 0.5, 1.0]  # boxes of ½ × ½ and 1 × ½


def test_the_hyperparameter_that_decides_has_the_share():
    tried = random_search({"val/accuracy": "maximize"})  # by the learning rate, up to a noise of a hundredth
    [found] = search_importances(tried)
    assert found.shares["optim.lr"] > 0.8
    assert found.shares["activation"] < 0.1
    assert found.trials == 39


@pytest.mark.parametrize(
    ("tried", "space", "why"),
    [
        ([trial(n, n / 9) for n in range(7)], SPACE, "7 trials have a value"),
        ([trial(n, 0.5) for n in range(9)], SPACE, "the same in every trial"),
        (
            [trial(n, n / 9) for n in range(9)],
            {"optim.lr": SPACE["optim.lr"]},
            "one hyperparameter varies (optim.lr)",
        ),
    ],
)
def test_where_there_are_no_shares_there_is_a_reason(tried, space, why):
    [found] = search_importances(search(tried, {"val/accuracy": "maximize"}, space=space))
    assert not found.shares
    assert found.reason is not None
    assert found.reason.startswith(why)


def test_a_search_is_read_from_its_run_and_pruned_runs_are_in_no_table(tmp_path: Path):
    store = Store.open(f"sqlite:///{tmp_path}/mlflow.db", "tests")
    sweep = opened(store, tmp_path, 3)
    for number, lr in enumerate(("0.1", "0.2", "0.3")):
        run = job(sweep, number, f"optim.lr={lr}")
        if number == 2:
            run.set_tags({"pruned": "after 1 epoch of 3, by MedianPruner"})
    tried = random_search(pruner="MedianPruner")
    plan = {**asdict(tried), "at_once": 4, "trials": tried.asked}
    plan.pop("asked")
    sweep.run.set_tags({"search": tried.sampler})
    sweep.run.log_texts(
        {
            artifacts.SEARCH: yaml.safe_dump(plan),
            artifacts.TRIALS: json.dumps([asdict(one) for one in tried.trials]),
        }
    )
    sweep.run.end("FINISHED")
    results = read_results(store, [store.client.get_run(sweep.run.id)])
    assert isinstance(results.search, Search)
    assert [one.values for one in results.search.front] == [list(one.values) for one in tried.front]
    assert results.search.objectives == BOTH
    assert results.settings == ["optim.lr=0.1", "optim.lr=0.2"]
    assert [note for note in results.notes if "pruned" in note] == [
        "1 run was pruned: stopped early by the search, and not tested. They are in no table but the search's own."
    ]
