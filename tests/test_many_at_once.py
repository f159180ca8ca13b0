"""Many processes that record at the same moment: no error, nothing lost, nothing doubled."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.victims import Server
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import OmegaConf

from simplicity_sweep.resolvers import register
from simplicity_sweep.tracking import Store
from tests.conftest import PROJECT
from tests.postgres import database

# One process imports MLflow, which takes seconds, then becomes as many as are wanted, all of which start at once.
AT_ONCE = """
import multiprocessing, sys
from pathlib import Path
from simplicity_sweep.sweep import Sweep, SweepRecord
from simplicity_sweep.tracking import Run, Store

def sweep(number, uri, folder):
    store = Store.open(uri, "tests")
    sweep = Sweep.open(store, folder=folder / f"sweep-{number}", overrides=["seed=0,1"])
    sweep.expect(2)
    for job in range(2):
        own = {"role": "job", "job": str(job), "pid": "1"}
        run = Run.start(store, name=f"{number}/{job}", params={"number": number}, tags=own, parent=sweep.run.id)
        for step in range(3):
            run.log_metrics({"val/loss": number + step / 4}, step)
        run.end("FINISHED")
    assert [row.status for row in sweep.close(interrupted=False)] == ["FINISHED", "FINISHED"]

def write(number, uri, folder):
    store = Store.open(uri, "tests")
    run = Run.start(store, name=str(number), params={"number": number}, tags={})
    for step in range(20):
        run.log_metrics({f"val/{name}": number + step / 32 for name in "abcdefghij"}, step)
    run.end("FINISHED")

def begin(barrier, number):
    barrier.wait()
    {"sweep": sweep, "write": write}[sys.argv[1]](number, sys.argv[3], Path(sys.argv[4]))

fork = multiprocessing.get_context("fork")
barrier = fork.Barrier(int(sys.argv[2]))
processes = [fork.Process(target=begin, args=[barrier, number]) for number in range(int(sys.argv[2]))]
for process in processes:
    process.start()
for process in processes:
    process.join()
sys.exit(any(process.exitcode for process in processes))
"""


def at_once(what: str, how_many: int, uri: str, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", AT_ONCE, what, str(how_many), uri, str(folder)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def assert_sweeps_are_whole(store: Store, how_many: int) -> None:
    """Every sweep of `AT_ONCE`, with both of its runs and every point of their curves."""
    runs = store.client.search_runs([store.experiment_id], max_results=1000)
    parents = {run.data.tags["sweep"]: run for run in runs if run.data.tags.get("role") == "sweep"}
    assert sorted(parents) == [f"sweep-{number}" for number in range(how_many)]
    assert len(runs) == 3 * how_many
    assert {run.info.status for run in runs} == {"FINISHED"}
    for name, parent in parents.items():
        number = int(name.removeprefix("sweep-"))
        children = store.children(parent.info.run_id)
        assert [run.info.run_name for run in children] == [f"{number}/0", f"{number}/1"]
        for run in children:
            points = store.client.get_metric_history(run.info.run_id, "val/loss")
            assert [(point.step, point.value) for point in points] == [(step, number + step / 4) for step in range(3)]


@pytest.mark.slow
def test_eight_sweeps_that_start_at_one_moment_on_a_new_store_are_all_recorded(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    at_once("sweep", 8, uri, tmp_path)
    assert_sweeps_are_whole(Store.open(uri, "tests"), 8)


@pytest.mark.slow
def test_of_sixteen_writers_with_two_hundred_metrics_each_none_is_lost_or_doubled(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    at_once("write", 16, uri, tmp_path)
    store = Store.open(uri, "tests")
    runs = store.client.search_runs([store.experiment_id])
    assert sorted(int(run.data.params["number"]) for run in runs) == list(range(16))
    for run in runs:
        number = int(run.data.params["number"])
        for name in "abcdefghij":
            points = store.client.get_metric_history(run.info.run_id, f"val/{name}")
            assert sorted((point.step, point.value) for point in points) == [
                (step, number + step / 32) for step in range(20)
            ]


def test_two_sweeps_of_one_second_have_folders_of_their_own(hydra_restore_singletons: None) -> None:
    folders = []
    with initialize_config_dir(str(PROJECT / "conf"), version_base="1.3"):
        register()  # the fixture has taken away what Hydra's loading of the plugin had registered
        for _ in range(2):
            config = GlobalHydra.instance().config_loader().load_configuration("config", [], RunMode.MULTIRUN)
            OmegaConf.register_new_resolver("now", lambda pattern: "12-00-00", replace=True)
            HydraConfig.instance().set_config(config)
            folders.append(str(config.hydra.sweep.dir))
    assert all("/12-00-00-" in folder for folder in folders)
    assert folders[0] != folders[1]


# A server before a real database


@pytest.fixture
def postgres() -> Iterator[str]:
    """The address of an empty database in a cluster of its own."""
    with database() as address:
        yield address


@pytest.fixture
def server(postgres: str, tmp_path: Path) -> Iterator[str]:
    """The address of an MLflow server before that database."""
    server = Server(tmp_path, postgres)
    try:
        server.start()
        yield server.uri
    finally:
        server.kill()


@pytest.mark.slow
def test_sweeps_of_one_moment_are_recorded_by_a_server_before_postgresql(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    at_once("sweep", 4, server, tmp_path)
    assert_sweeps_are_whole(Store.open(server, "tests"), 4)
