"""Which sweep goes on, and what is left to do in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from simplicity_sweep.config import ConfigError
from simplicity_sweep.environment import provenance
from simplicity_sweep.sweep import Sweep
from simplicity_sweep.sweep.resume import Place, earlier_sweep, places, tell_of_other_code


@dataclass
class Child:
    """A job's run, as far as it is looked at."""

    job: int
    hash: str
    status: str = "FINISHED"
    data: Any = field(init=False)
    info: Any = field(init=False)

    def __post_init__(self) -> None:
        self.data = SimpleNamespace(tags={"job": str(self.job), "config_hash": self.hash})
        self.info = SimpleNamespace(status=self.status)


def test_finished_jobs_are_not_run_again_and_the_others_keep_their_numbers():
    first = Child(0, "a")
    left = places([first, Child(2, "c", "FAILED"), Child(1, "b", "KILLED")], ["a", "b", "c", "d"])
    assert left == [Place(0, first), Place(1), Place(2), Place(3)]


def test_a_run_that_a_search_has_pruned_is_not_finished():
    pruned = Child(0, "a")
    pruned.data.tags["pruned"] = "after 1 epoch of 3, by MedianPruner"
    assert places([pruned], ["a"]) == [Place(0)]


def test_jobs_that_were_never_begun_have_their_places_in_the_order():
    last = Child(2, "c")
    assert places([last], ["a", "b", "c"]) == [Place(0), Place(1), Place(2, last)]


def test_jobs_that_are_new_take_the_numbers_that_nobody_has():
    known = [Child(0, "a"), Child(1, "b")]
    assert [place.job for place in places(known, ["new", "a", "b", "newer"])] == [2, 0, 1, 3]


def test_of_equal_jobs_each_has_a_run_of_its_own():
    known = [Child(0, "a", "FAILED"), Child(1, "a")]
    assert places(known, ["a", "a"]) == [Place(1, known[1]), Place(0)]


def test_the_last_sweep_of_the_same_command_goes_on(store, tmp_path):
    Sweep.open(store, folder=tmp_path / "1", overrides=["seed=1,2"])
    wanted = Sweep.open(store, folder=tmp_path / "2", overrides=["seed=1,2", "optim.lr=0.1"])
    Sweep.open(store, folder=tmp_path / "3", overrides=["seed=1,2", "optim.lr=0.2"])
    command = ["optim.lr=0.1", "resume=true", "seed=1,2", "on_error=stop", "tracking.experiment=tests"]
    assert earlier_sweep(store, True, command, tmp_path / "new").info.run_id == wanted.run.id
    assert earlier_sweep(store, True, ["seed=7"], tmp_path / "new") is None


def test_the_sweep_in_a_fixed_folder_goes_on_whatever_came_later(store, tmp_path):
    fixed = Sweep.open(store, folder=tmp_path / "fixed", overrides=["seed=1"])
    Sweep.open(store, folder=tmp_path / "later", overrides=["seed=1"])
    assert earlier_sweep(store, True, ["seed=1"], tmp_path / "fixed").info.run_id == fixed.run.id


@pytest.mark.parametrize("name", ["folder", "name", "id"])
def test_a_sweep_is_named_by_its_folder_its_name_or_its_id(store, tmp_path, name):
    sweep = Sweep.open(store, folder=tmp_path / f"by-{name}", overrides=["seed=9"])
    asked = {"folder": str(sweep.folder), "name": sweep.folder.name, "id": sweep.run.id}[name]
    assert earlier_sweep(store, asked, [], tmp_path).info.run_id == sweep.run.id


def test_a_sweep_that_nobody_knows_is_an_error_that_names_some(store, tmp_path):
    Sweep.open(store, folder=tmp_path / "known", overrides=[])
    with pytest.raises(ConfigError, match=r"resume = 'unheard'.*no such sweep.*known"):
        earlier_sweep(store, "unheard", [], tmp_path)


def test_results_of_another_version_of_the_code_are_told_apart(caplog):
    old, new = Child(0, "a"), Child(1, "b")
    old.data.tags["git.commit"], new.data.tags["git.commit"] = "0123abc", provenance()["git.commit"]
    tell_of_other_code([new])
    assert not caplog.records
    tell_of_other_code([old, new])
    assert "0123abc" in caplog.text
