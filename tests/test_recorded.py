"""What is recorded already is found by whatever a user calls it."""

from __future__ import annotations

from pathlib import Path

import pytest

from simplicity_sweep.recorded import existing_store, find_sweep, last_sweep
from simplicity_sweep.store import Store, TrackingError
from simplicity_sweep.sweep import Sweep
from tests.stores import new_store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return new_store(tmp_path)


def test_the_last_sweep_is_the_one_that_started_last(store: Store) -> None:
    assert last_sweep(store) is None
    for start_time in (2, 1):
        tags = {"role": "sweep", "when": str(start_time)}
        store.client.create_run(store.experiment_id, start_time=start_time, tags=tags)
    store.client.create_run(store.experiment_id, start_time=3, tags={"role": "job"})
    found = last_sweep(store)
    assert found is not None
    assert found.data.tags["when"] == "2"


def test_a_sweep_is_found_by_name_folder_and_id(store: Store, tmp_path: Path) -> None:
    sweep = Sweep.open(store, folder=tmp_path / "12-00-00-abcd", overrides=[])
    names = ["12-00-00-abcd", str(sweep.folder), f"{sweep.folder}/", sweep.run.id]
    assert {find_sweep(store, name).info.run_id for name in names} == {sweep.run.id}


@pytest.mark.parametrize("name", ["nothing", "a'b", "0" * 32, "/no/such/folder"])
def test_a_sweep_that_is_none_is_refused_and_the_last_ones_named(store: Store, tmp_path: Path, name: str) -> None:
    Sweep.open(store, folder=tmp_path / "12-00-00-abcd", overrides=[])
    with pytest.raises(TrackingError, match=r"no such sweep in .*12-00-00-abcd"):
        find_sweep(store, name)


def test_looking_for_a_store_does_not_make_one(tmp_path: Path) -> None:
    with pytest.raises(TrackingError, match="no store at"):
        existing_store(f"sqlite:///{tmp_path}/none.db", "tests")
    assert list(tmp_path.iterdir()) == []
