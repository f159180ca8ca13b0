"""Stores, and how they are opened."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from simplicity_sweep import store as store_module
from simplicity_sweep.credentials import masked
from simplicity_sweep.tracking import Store, TrackingError


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """One store for the file, made as a user's is: that takes a second or more."""
    return Store.open(f"sqlite:///{tmp_path_factory.mktemp('store')}/new/mlflow.db", "tests")


def test_a_new_store_logs_ahead_and_keeps_artifacts_beside_its_file(store: Store) -> None:
    path = Path(store.uri.removeprefix("sqlite:///"))
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    artifacts = store.client.get_experiment(store.experiment_id).artifact_location
    assert artifacts == (path.parent / "mlartifacts").as_uri()


def test_a_store_opened_again_holds_the_same_experiment(store: Store) -> None:
    assert Store.open(store.uri, "tests").experiment_id == store.experiment_id
    assert Store.open(store.uri, "others").experiment_id != store.experiment_id


def test_a_relative_path_is_taken_from_the_working_folder(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(store.uri.removeprefix("sqlite:///")).parent)
    assert Store.open("sqlite:///mlflow.db", "tests") == store


OPENER = """
import sys
from simplicity_sweep.tracking import Run, Store
print("ready", flush=True)
sys.stdin.readline()
store = Store.open(sys.argv[1], "tests")
run = Run.start(store, name=sys.argv[2], params={"number": sys.argv[2]}, tags={})
for step in range(5):
    run.log_metrics({"val/loss": step / 2, "val/accuracy": step / 4}, step)
run.end("FINISHED")
"""


def test_four_processes_that_open_one_new_store_at_once_lose_nothing(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    openers = [
        subprocess.Popen(
            [sys.executable, "-c", OPENER, uri, str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    for opener in openers:
        assert opener.stdout is not None
        assert opener.stdout.readline() == "ready\n"
    for opener in openers:
        assert opener.stdin is not None
        opener.stdin.write("\n")
        opener.stdin.flush()
    said = [opener.communicate(timeout=120) for opener in openers]
    assert said == [("", "")] * 4  # no error, and nothing of alembic's or MLflow's chatter
    store = Store.open(uri, "tests")
    runs = store.client.search_runs([store.experiment_id])
    assert sorted(one.data.params["number"] for one in runs) == ["0", "1", "2", "3"]
    assert {one.info.status for one in runs} == {"FINISHED"}
    for one in runs:
        steps = [point.step for point in store.client.get_metric_history(one.info.run_id, "val/loss")]
        assert steps == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("uri", ["file:///tmp/runs", "mlruns", "/tmp/runs", ""])
def test_stores_of_plain_files_are_refused_with_a_remedy(uri: str) -> None:
    with pytest.raises(TrackingError, match=r"tracking\.uri = .* no longer .* tracking\.uri=sqlite:////"):
        Store.open(uri, "tests")


@pytest.mark.parametrize("uri", ["sqlite://", "sqlite:///", "sqlite:///:memory:"])
def test_stores_that_other_processes_cannot_open_are_refused(uri: str) -> None:
    with pytest.raises(TrackingError, match=r"tracking\.uri = .* file .* tracking\.uri=sqlite:////"):
        Store.open(uri, "tests")


def test_other_kinds_of_store_are_refused() -> None:
    with pytest.raises(TrackingError, match="must start with sqlite:///, http:// or https://"):
        Store.open("postgresql://ann:secret@db.example.org/mlflow", "tests")


def test_a_path_that_cannot_be_written_names_the_key_the_reason_and_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(TrackingError, match=r"tracking\.uri = .*can't be written .*exists.* Choose"):
        Store.open(f"sqlite:///{tmp_path}/file/mlflow.db", "tests")


def test_a_file_that_is_no_database_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database" * 100)
    with pytest.raises(TrackingError, match="file is not a database"):
        Store.open(f"sqlite:///{path}", "tests")
    assert path.read_text() == "not a database" * 100


def test_a_deleted_experiment_is_refused_with_the_way_to_bring_it_back(store: Store) -> None:
    gone = Store.open(store.uri, "deleted")
    gone.client.delete_experiment(gone.experiment_id)
    with pytest.raises(TrackingError, match=rf"tracking\.experiment = 'deleted'.*{gone.experiment_id}"):
        Store.open(store.uri, "deleted")


class Refusing(BaseHTTPRequestHandler):
    """A server that is always too busy, and counts."""

    asked = 0

    def do_GET(self) -> None:
        Refusing.asked += 1
        self.send_response(503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The port of a `Refusing` server."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    Refusing.asked = 0
    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_a_server_is_asked_once_and_its_password_never_shown(refusing: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "5")
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.setenv(name, "")  # what is put there is taken away with the test
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_TIMEOUT", raising=False)
    with pytest.raises(TrackingError, match=r"tracking\.uri = .*127\.0\.0\.1.*leave tracking\.uri out") as caught:
        Store.open(f"http://ann:sesame@127.0.0.1:{refusing}", "tests")
    assert Refusing.asked == 1
    assert "sesame" not in str(caught.value)
    assert caught.value.__suppress_context__  # nor in a stack trace's earlier parts
    assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "5"
    assert "MLFLOW_HTTP_REQUEST_TIMEOUT" not in os.environ


def test_a_server_that_is_not_there_is_refused_with_the_cause(refusing_nobody: int) -> None:
    with pytest.raises(TrackingError, match=r"no MLflow server answers there .*Connection refused"):
        Store.open(f"http://127.0.0.1:{refusing_nobody}", "tests")


@pytest.fixture
def refusing_nobody(monkeypatch: pytest.MonkeyPatch) -> int:
    """A port on which nobody listens: one that was just given back."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        return server.server_port


def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(store_module, "_PROBE_SECONDS", 1)
    # Its connections are accepted by the system, and nobody ever reads from them.
    with HTTPServer(("127.0.0.1", 0), Refusing) as silent:  # noqa: SIM117
        with pytest.raises(TrackingError, match="timed out"):
            Store.open(f"http://127.0.0.1:{silent.server_port}", "tests")


def test_a_uri_without_a_password_is_shown_as_it_is() -> None:
    assert masked("http://ann@example.org:5000/a:b@c") == "http://ann@example.org:5000/a:b@c"
    assert masked("sqlite:////data/mlflow.db") == "sqlite:////data/mlflow.db"
