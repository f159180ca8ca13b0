"""A real MLflow server is killed in the midst of a real sweep."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.victims import Server
from mlflow import MlflowClient

from tests.conftest import PROJECT
from tests.waiting import FOLDER, wait_for

pytestmark = pytest.mark.slow


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = Server(tmp_path)
    server.start()
    yield server
    server.kill()


def sweep(folder: Path, uri: str, *more: str) -> subprocess.Popen[str]:
    command = [
        *(sys.executable, str(PROJECT / "train.py"), "-m", "seed=0,1,2", "data=digits", "trainer=debug"),
        *(
            "measure=none",
            "activation._target_=tests.waiting.AtBuild",
            "trust=[tests]",
            "hydra/launcher=basic",
            "report=false",
        ),
        *(f"tracking.uri={uri}", f"hydra.sweep.dir={folder}/multirun", *more),
    ]
    environment = {
        **os.environ,
        FOLDER: str(folder),
        "PYTHONPATH": os.pathsep.join([str(PROJECT), str(PROJECT / "src")]),
        "COLUMNS": "160",
    }
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def go(folder: Path, *jobs: int) -> None:
    for job in jobs:
        (folder / f"go-{job}").touch()


def without_its_server(server: Server, folder: Path) -> str:
    """What a sweep says whose server is killed in the midst of its first run, and does not come back."""
    process = sweep(folder, server.uri)
    wait_for(folder / "built-0")
    server.kill()
    go(folder, 0, 1, 2)
    _, errors = process.communicate(timeout=200)
    assert process.returncode == 1
    return errors


def results(uri: str) -> dict[str, object]:
    """What is recorded of each job: its status, parameters, every point of every curve, and its artifacts."""
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("simplicity-sweep")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    [parent] = [run for run in runs if run.data.tags["role"] == "sweep"]
    jobs = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert len(runs) == 1 + len(jobs)
    assert all(run.info.end_time for run in runs)
    found: dict[str, object] = {"parent": parent.info.status}
    for run in jobs:
        curves = {
            key: [(point.step, point.value) for point in client.get_metric_history(run.info.run_id, key)]
            for key in run.data.metrics
        }
        files = sorted(file.path for file in client.list_artifacts(run.info.run_id))
        found[run.data.tags["job"]] = (run.info.status, run.data.params, curves, files)
    return found


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    folder = tmp_path_factory.mktemp("undisturbed")
    go(folder, 0, 1, 2)
    process = sweep(folder, f"sqlite:///{folder}/mlflow.db")
    _, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors
    found = results(f"sqlite:///{folder}/mlflow.db")
    assert set(found) == {"parent", "0", "1", "2"}
    return found


def test_a_server_that_comes_back_in_time_has_everything(
    server: Server, tmp_path: Path, undisturbed: dict[str, object]
) -> None:
    process = sweep(tmp_path, server.uri)
    wait_for(tmp_path / "built-0")
    server.kill()
    go(tmp_path, 0, 1)  # one run loses its store in its midst, one is begun and ended without
    wait_for(tmp_path / "built-2")  # and one is begun without
    server.start()
    go(tmp_path, 2)
    shown, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors
    assert errors.count("can't be reached") + shown.count("can't be reached") == 1, shown + errors
    assert "3 jobs: 3 finished" in shown
    assert results(server.uri) == undisturbed
    assert list(tmp_path.glob("multirun/**/outbox")) == []


def test_a_server_that_is_gone_for_good_gets_everything_later(
    server: Server, tmp_path: Path, undisturbed: dict[str, object]
) -> None:
    errors = without_its_server(server, tmp_path)
    assert "Traceback" not in errors, errors
    command = f"python -m simplicity_sweep.sweep deliver {tmp_path}/multirun"
    [told] = [line for line in errors.splitlines() if "and close the sweep" in line]
    assert told.endswith(command)
    deliver = [sys.executable, *command.split()[1:]]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT / "src"), "COLUMNS": "160"}

    tried = subprocess.run(deliver, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert tried.returncode == 1
    assert "can't be reached" in tried.stderr
    assert "Traceback" not in tried.stderr

    server.start()
    done = subprocess.run(deliver, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("writes delivered") == 3
    assert "3 jobs: 3 finished" in done.stdout
    assert results(server.uri) == undisturbed
    again = subprocess.run(deliver, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert (again.returncode, again.stdout) == (0, f"Nothing is kept in {tmp_path}/multirun.\n")


def test_a_sweep_whose_server_was_gone_for_good_goes_on_from_what_it_kept(
    server: Server, tmp_path: Path, undisturbed: dict[str, object]
) -> None:
    without_its_server(server, tmp_path)
    server.start()
    process = sweep(tmp_path, server.uri, "resume=true")
    shown, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors
    assert "3 of 3 jobs are finished" in shown
    assert results(server.uri) == undisturbed
    assert list(tmp_path.glob("multirun/**/outbox")) == []
