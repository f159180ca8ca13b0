"""The end of a sweep whose store is away, and `python -m simplicity_sweep.sweep deliver`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest
from mlflow import MlflowClient

from simplicity_sweep.outage import outage_of
from simplicity_sweep.outbox import outboxes
from simplicity_sweep.sweep import Sweep
from simplicity_sweep.sweep.__main__ import main
from simplicity_sweep.sweep.delivery import NotDelivered
from simplicity_sweep.tracking import Run, Store
from tests.away import Away
from tests.stores import new_store


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of one store for the file."""
    return new_store(tmp_path_factory.mktemp("store")).uri


@pytest.fixture(autouse=True)
def forget_outages() -> Iterator[None]:
    outage_of.cache_clear()
    yield
    outage_of.cache_clear()


def job(sweep: Sweep, number: int) -> Run:
    folder = sweep.folder / str(number)
    tags = {"role": "job", "job": str(number), "overrides": f"seed={number}"}
    run = Run.start(sweep.store, name=str(number), params={}, tags=tags, parent=sweep.run.id, folder=folder)
    run.log_metrics({"test/accuracy": 0.97}, 0)
    return run


def recorded(uri: str, folder: Path) -> AbstractContextManager[Sweep]:
    """A new sweep for the block's length."""
    store = Store.open(uri, "tests")
    return Sweep.recording(store, folder, partial(Sweep.open, store, folder=folder, overrides=[]))


def away_at_its_end(uri: str, folder: Path) -> str:
    """A sweep of two jobs whose store goes away in the midst of the first; the id of its parent run."""
    with (  # noqa: PT012
        pytest.raises(
            NotDelivered, match=r"can't be reached \(.*refused\)\. Not delivered .* of 3 run\(s\)\. To deliver"
        ),
        recorded(uri, folder) as sweep,
    ):
        sweep.expect(2)
        first = job(sweep, 0)
        Away(sweep.store).now = True
        first.end("FINISHED")
        sweep.run.set_tags({"late": "yes"})
        job(sweep, 1).end("FINISHED")
    return sweep.run.id


def test_a_sweep_that_could_not_be_closed_is_closed_by_deliver(
    uri: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "12-00-00-ab12"
    parent = away_at_its_end(uri, folder)
    ended = json.loads((folder / "unclosed.json").read_text())["ended"]
    capsys.readouterr()
    assert main(["deliver", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert shown.count("writes delivered, of ") == 3
    assert f"run {parent}: 1 writes delivered, of {folder}" in shown
    assert "2 jobs: 2 finished" in shown
    run = MlflowClient(uri).get_run(parent)
    assert (run.info.status, run.info.end_time, run.data.tags["late"]) == ("FINISHED", ended, "yes")
    assert outboxes(tmp_path) == []
    assert main(["deliver", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"Nothing is kept in {tmp_path}.\n"


def test_as_long_as_the_store_is_away_everything_stays_and_the_status_is_1(
    uri: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    away_at_its_end(uri, tmp_path)
    kept = {outbox.folder: len(outbox) for outbox in outboxes(tmp_path)}
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    assert main(["deliver", str(tmp_path), "--uri", "http://127.0.0.1:9"]) == 1
    assert "The tracking store http://127.0.0.1:9 can't be reached" in capsys.readouterr().err
    assert {outbox.folder: len(outbox) for outbox in outboxes(tmp_path)} == kept
    assert (tmp_path / "unclosed.json").exists()


def test_a_file_that_is_gone_is_not_made_anew(uri: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    away_at_its_end(uri, tmp_path)
    elsewhere = tmp_path / "elsewhere.db"
    assert main(["deliver", str(tmp_path), "--uri", f"sqlite:///{elsewhere}"]) == 1
    assert f"There is no store at sqlite:///{elsewhere}" in capsys.readouterr().err
    assert not elsewhere.exists()


def test_what_is_refused_stays_and_the_others_are_delivered(
    uri: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parent = away_at_its_end(uri, tmp_path)
    client = MlflowClient(uri)
    experiment = Store.open(uri, "tests").experiment_id
    [first] = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{parent}'")
    client.delete_run(first.info.run_id)
    assert main(["deliver", str(tmp_path)]) == 1
    shown = capsys.readouterr()
    assert "refused" in shown.err
    assert f"{tmp_path}: not closed" in shown.err
    assert [outbox.run_folder for outbox in outboxes(tmp_path)] == [tmp_path / "0"]
    client.restore_run(first.info.run_id)
    assert main(["deliver", str(tmp_path)]) == 0
    assert "2 jobs: 2 finished" in capsys.readouterr().out


def test_a_sweep_whose_store_is_back_at_its_end_has_its_table(
    uri: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with recorded(uri, tmp_path) as sweep:
        sweep.expect(1)
        away = Away(sweep.store)
        away.now = True
        job(sweep, 0).end("FINISHED")
        away.now = False
    assert "1 job: 1 finished" in capsys.readouterr().out
    assert outboxes(tmp_path) == []


def test_the_table_says_what_is_not_delivered(uri: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (  # noqa: PT012
        pytest.raises(NotDelivered, match=r"kept in .*: 2 writes, of 1 run\(s\)\. To deliver them, once"),
        recorded(uri, tmp_path) as sweep,
    ):
        sweep.expect(1)
        run = job(sweep, 0)
        away = Away(sweep.store)
        away.now = True
        run.log_metrics({"test/accuracy": 0.98}, 0)
        run.end("FINISHED")
        away.now = False
        sweep.store.client.delete_run(run.id)
    shown = capsys.readouterr().out
    assert f"Not delivered: 2 writes in {tmp_path}/0/outbox/" in shown
    assert "1 job: 1 missing" in shown


def test_a_password_comes_from_the_environment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    box = tmp_path / "0" / "outbox" / "ab"
    box.mkdir(parents=True)
    address = {"store": "http://127.0.0.1:9", "experiment": "1", "run": "ab"}
    write = {"id": "1", "write": "end", "status": "FINISHED", "time": 1}
    (box / "writes.jsonl").write_text(f"{json.dumps(address)}\n{json.dumps(write)}\n")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.setenv(name, "")  # what is put there is taken away with the test
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://ann:sesame@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    assert main(["deliver", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "The tracking store http://127.0.0.1:9 can't be reached" in said
    assert "sesame" not in said
    assert os.environ["MLFLOW_TRACKING_PASSWORD"] == "sesame"


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deliver", str(tmp_path / "nothing")]) == 1
    assert f"{tmp_path}/nothing: no such folder" in capsys.readouterr().err
