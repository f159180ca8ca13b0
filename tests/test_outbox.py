"""What becomes of a run's writes while its store is away."""

from __future__ import annotations

import json
import logging
import math
import resource
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric
from mlflow.exceptions import MlflowException

from simplicity_sweep import outage as outage_module
from simplicity_sweep.outage import outage_of, unreachable
from simplicity_sweep.outbox import Busy, Outbox, outboxes
from simplicity_sweep.record import _store
from simplicity_sweep.sweep.delivery import deliver
from simplicity_sweep.tracking import Run, Store, TrackingError
from tests.away import Away
from tests.stores import new_store

INFINITE = float("inf")


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of one store for the file."""
    return new_store(tmp_path_factory.mktemp("store")).uri


@pytest.fixture
def store(uri: str) -> Iterator[Store]:
    outage_of.cache_clear()
    yield Store.open(uri, "tests")
    outage_of.cache_clear()


@pytest.fixture
def away(store: Store) -> Away:
    return Away(store)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The time by which a store is tried again; set `now` to pass it."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(outage_module, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def write_all(run: Run, folder: Path) -> None:
    """One write of each kind, and points that are hard to tell apart."""
    run.log_metrics({"val/loss": 1.0, "val/nan": math.nan, "val/infinite": INFINITE}, 0)
    run.log_metrics({"val/loss": 1.0, "val/nan": math.nan, "val/infinite": INFINITE}, 1)
    run.set_tags({"fused": "no"})
    run.log_texts({"config.yaml": "seed: 0\n", "more/text.txt": "ä"})
    (folder / "plot.svg").write_text("<svg/>")
    run.log_file(folder / "plot.svg", "figures")
    (folder / "plot.svg").unlink()  # a copy is kept
    run.set_tags({"fused": "yes"})
    run.end("FINISHED")


def all_of(store: Store, run_id: str) -> dict[str, object]:
    """Everything that `write_all` has left in the store; NaN by its name, as it equals nothing."""
    run = MlflowClient(store.uri).get_run(run_id)
    curves = {
        key: [(point.step, repr(point.value)) for point in MlflowClient(store.uri).get_metric_history(run_id, key)]
        for key in run.data.metrics
    }
    artifacts = Path(run.info.artifact_uri.removeprefix("file://"))
    files = {path.relative_to(artifacts).as_posix(): path.read_text() for path in artifacts.rglob("*.*")}
    tags = {key: run.data.tags.get(key) for key in ("fused", "role", "mlflow.parentRunId")}
    return {"status": run.info.status, "curves": curves, "files": files, "tags": tags, "params": run.data.params}


EXPECTED = {
    "status": "FINISHED",
    "curves": {
        "val/loss": [(0, "1.0"), (1, "1.0")],
        "val/nan": [(0, "nan"), (1, "nan")],
        "val/infinite": [(0, repr(sys.float_info.max)), (1, repr(sys.float_info.max))],
    },
    "files": {"config.yaml": "seed: 0\n", "more/text.txt": "ä", "figures/plot.svg": "<svg/>"},
    "tags": {"fused": "yes", "role": "job", "mlflow.parentRunId": "p"},
    "params": {"seed": "0"},
}


def start(store: Store, folder: Path) -> Run:
    return Run.start(store, name="0", params={"seed": 0}, tags={"role": "job"}, parent="p", folder=folder)


def kept(folder: Path) -> Outbox:
    [outbox] = outboxes(folder)
    return outbox


# What MLflow does with a write that is sent again


def test_mlflow_takes_a_point_that_is_sent_again_for_the_same_point(store: Store) -> None:
    run = Run.start(store, name="twice", params={}, tags={})
    points = [Metric(key, value, 17, 3) for key, value in (("one", 1.5), ("nan", math.nan), ("infinite", INFINITE))]
    for _ in range(2):
        store.client.log_batch(run.id, metrics=points)
    store.client.log_batch(run.id, metrics=[*points, Metric("one", 2.5, 17, 4)])  # and the rest of its batch is taken
    history = store.client.get_metric_history
    assert [(point.step, point.value) for point in history(run.id, "one")] == [(3, 1.5), (4, 2.5)]
    assert len(history(run.id, "nan")) == len(history(run.id, "infinite")) == 1


# During an outage


def test_an_undisturbed_run_keeps_nothing(store: Store, tmp_path: Path) -> None:
    run = start(store, tmp_path / "0")
    write_all(run, tmp_path)
    assert all_of(store, run.id) == EXPECTED
    assert not (tmp_path / "0").exists()


@pytest.mark.parametrize("begun", [True, False], ids=["begun before", "begun during"])
@pytest.mark.parametrize("lost", [False, True], ids=["not asked", "answers lost"])
def test_what_an_outage_keeps_is_delivered_once_and_in_order(
    store: Store, away: Away, tmp_path: Path, begun: bool, lost: bool
) -> None:
    run = start(store, tmp_path / "0") if begun else None
    away.now, away.answers_lost = not lost, lost
    run = run or start(store, tmp_path / "0")
    write_all(run, tmp_path)
    away.now = away.answers_lost = False
    outbox = kept(tmp_path)
    waiting = len(outbox)
    done = deliver(outbox, store)
    assert (done.writes, done.problem) == (waiting, None)
    assert waiting == 7 + (0 if begun else 2)
    assert all_of(store, done.run) == EXPECTED
    name = run._target.store.client.get_run(done.run).data.tags["start"]
    same = store.client.search_runs([store.experiment_id], f"tags.`start` = '{name}'")
    assert [one.info.run_id for one in same] == [done.run]
    assert not (tmp_path / "0" / "outbox").exists()


def test_a_run_begun_during_an_outage_keeps_its_times_and_its_folder_learns_its_id(
    store: Store, away: Away, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away.now = True
    monkeypatch.setattr("simplicity_sweep.tracking._milliseconds", lambda: 1_700_000_000_000)
    run = start(store, tmp_path / "0")
    run.log_metrics({"val/loss": 1.0}, 0)
    run.end("FINISHED")
    assert kept(tmp_path).folder.name == run.id
    away.now = False
    done = deliver(kept(tmp_path), store)
    info = store.client.get_run(done.run).info
    assert info.start_time == info.end_time == 1_700_000_000_000
    assert [point.timestamp for point in store.client.get_metric_history(done.run, "val/loss")] == [1_700_000_000_000]
    assert (tmp_path / "0" / "mlflow_run_id").read_text() == f"{done.run}\n"


def test_a_run_delivers_what_it_has_kept_as_soon_as_the_store_is_back(
    store: Store, away: Away, clock: SimpleNamespace, tmp_path: Path
) -> None:
    run = start(store, tmp_path / "0")
    away.now = True
    run.log_metrics({"val/loss": 3.0}, 0)
    run.log_metrics({"val/loss": 2.0}, 1)
    away.now, clock.now = False, 1.0
    run.log_metrics({"val/loss": 1.0}, 2)
    assert outboxes(tmp_path) == []
    points = store.client.get_metric_history(run.id, "val/loss")
    assert [(point.step, point.value) for point in points] == [(0, 3.0), (1, 2.0), (2, 1.0)]


def test_a_dead_store_is_asked_less_and_less_often_by_all_runs_together(
    store: Store, away: Away, clock: SimpleNamespace, tmp_path: Path
) -> None:
    runs = [start(store, tmp_path / str(number)) for number in range(3)]
    away.now = True
    for second in range(100):
        clock.now = float(second)
        for run in runs:
            run.log_metrics({"val/loss": 1.0}, second)
    # Asked at 0, then 1, 2, 4, 8, 16, 32 seconds after the last time: at 1, 3, 7, 15, 31, 63.
    assert len(away.failed) == 7
    clock.now = 122.0
    runs[0].log_metrics({"val/loss": 1.0}, 122)
    assert len(away.failed) == 7
    clock.now = 123.0  # 60 seconds at most
    runs[0].log_metrics({"val/loss": 1.0}, 123)
    assert len(away.failed) == 8


def test_an_outage_is_told_once_and_its_end_once(
    store: Store, away: Away, clock: SimpleNamespace, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "simplicity_sweep")
    runs = [start(store, tmp_path / str(number)) for number in range(2)]
    for second, gone in ((0, True), (1, True), (9, False), (10, False)):
        away.now, clock.now = gone, float(second)
        for run in runs:
            run.log_metrics({"val/loss": 1.0}, second)
    began, ended = caplog.records
    assert (began.levelname, ended.levelname) == ("WARNING", "INFO")
    assert "Connection refused" in began.getMessage()
    assert str(tmp_path / "0" / "outbox") in began.getMessage()
    assert f"python -m simplicity_sweep.sweep deliver {tmp_path}" in began.getMessage()
    assert ended.getMessage().endswith("is back.")


def test_a_password_is_neither_kept_nor_shown(store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Gone:
        def __getattr__(self, name: str) -> object:
            raise ConnectionError("http://ann:sesame@127.0.0.1:9/ refused")

    secret = Store("http://ann:sesame@127.0.0.1:9", store.experiment_id, Gone())  # type: ignore[arg-type]
    run = start(secret, tmp_path / "0")
    run.end("FINISHED")
    written = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert "http://ann:***@127.0.0.1:9" in written
    assert "sesame" not in written + caplog.text


def test_a_job_in_a_process_of_its_own_needs_no_store_to_begin_if_its_sweep_had_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    store = _store("http://127.0.0.1:9", "tests", "7")
    assert (store.uri, store.experiment_id) == ("http://127.0.0.1:9", "7")
    with pytest.raises(TrackingError, match="no MLflow server answers there"):
        _store("http://127.0.0.1:9", "tests", None)


@pytest.mark.slow  # MLflow waits 20 seconds for the lock
def test_a_locked_database_is_an_outage(store: Store, tmp_path: Path) -> None:
    run = start(store, tmp_path / "0")
    with closing(sqlite3.connect(store.uri.removeprefix("sqlite:///"), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        write_all(run, tmp_path)
        other.execute("ROLLBACK")
    assert len(kept(tmp_path)) == 7
    assert deliver(kept(tmp_path), store).problem is None
    assert all_of(store, run.id) == EXPECTED


# What stays an error


def test_without_a_folder_an_unreachable_store_is_an_error(store: Store, away: Away) -> None:
    run = Run.start(store, name="0", params={}, tags={})
    away.now = True
    with pytest.raises(MlflowException, match="Connection refused"):
        run.log_metrics({"val/loss": 1.0}, 0)


def test_what_the_store_refuses_is_an_error_and_is_not_kept(store: Store, tmp_path: Path) -> None:
    run = start(store, tmp_path / "0")
    store.client.delete_run(run.id)
    with pytest.raises(MlflowException, match="active"):
        run.log_metrics({"val/loss": 1.0}, 0)
    assert outboxes(tmp_path) == []


def test_what_is_refused_on_delivery_stays_and_says_why(store: Store, away: Away, tmp_path: Path) -> None:
    run = start(store, tmp_path / "0")
    away.now = True
    run.log_metrics({"val/loss": 1.0}, 0)
    run.end("FINISHED")
    away.now = False
    store.client.delete_run(run.id)
    done = deliver(kept(tmp_path), store)
    assert done.problem is not None
    assert "refused" in done.problem
    assert len(kept(tmp_path)) == 2
    store.client.restore_run(run.id)
    assert deliver(kept(tmp_path), store).problem is None


def test_a_file_that_is_not_there_is_no_outage(store: Store, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing\.svg: no such file"):
        start(store, tmp_path / "0").log_file(tmp_path / "nothing.svg")


class Answering(BaseHTTPRequestHandler):
    """A server that answers every request with the status in its path."""

    def do_GET(self) -> None:
        self.send_response(int(self.path.split("/")[1]))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(("status", "passes"), [(500, True), (502, True), (503, True), (400, False), (403, False)])
def test_a_servers_own_errors_pass_and_its_refusals_do_not(
    status: int, passes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        with pytest.raises(MlflowException) as caught:
            MlflowClient(f"http://127.0.0.1:{server.server_port}/{status}").get_run("0" * 32)
        server.shutdown()
        thread.join()
    assert unreachable(caught.value) is passes


# The outbox itself


def test_a_delivery_may_be_ended_at_any_moment(
    store: Store, away: Away, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ended after each write was sent and before that is noted, and after it is noted; then begun anew each time."""
    away.now = True
    write_all(start(store, tmp_path / "0"), tmp_path)
    away.now = False
    whole = Outbox._add
    ends = 0

    def ended(outbox: Outbox, record: dict[str, object]) -> None:
        if ends % 2:
            whole(outbox, record)
        raise KeyboardInterrupt

    monkeypatch.setattr(Outbox, "_add", ended)
    while len(kept(tmp_path)) > 1:
        with pytest.raises(KeyboardInterrupt):
            deliver(kept(tmp_path), store)
        ends += 1
    monkeypatch.setattr(Outbox, "_add", whole)
    done = deliver(kept(tmp_path), store)
    assert ends == 2 * 8  # of nine writes
    assert all_of(store, done.run) == EXPECTED
    assert not (tmp_path / "0" / "outbox").exists()


def test_a_line_that_was_not_written_to_its_end_is_none(store: Store, away: Away, tmp_path: Path) -> None:
    run = start(store, tmp_path / "0")
    away.now = True
    run.log_metrics({"val/loss": 1.0}, 0)
    run._outbox.release()  # type: ignore[union-attr]
    path = kept(tmp_path).folder / "writes.jsonl"
    whole = path.read_text()
    path.write_text(f'{whole}{{"id": "ab", "write": "ba')
    assert len(kept(tmp_path)) == 1
    again = Run(store, run.id, folder=tmp_path / "0")
    again.end("KILLED")
    assert path.read_text().startswith(f'{whole}{{"id"')
    assert len([json.loads(line) for line in path.read_text().splitlines()]) == 3
    away.now = False
    assert deliver(kept(tmp_path), store).writes == 2


def test_a_run_that_is_continued_delivers_what_it_kept_first(
    store: Store, away: Away, clock: SimpleNamespace, tmp_path: Path
) -> None:
    away.now = True
    run = start(store, tmp_path / "0")
    run.log_metrics({"val/loss": 2.0}, 0)
    run._outbox.release()  # type: ignore[union-attr] # as the end of its process does
    away.now, clock.now = False, 1.0
    again = Run(store, run.id, folder=tmp_path / "0")
    again.log_metrics({"val/loss": 1.0}, 1)
    assert [point.value for point in store.client.get_metric_history(again.id, "val/loss")] == [2.0, 1.0]


def test_an_outbox_in_use_is_left_to_its_run(store: Store, away: Away, tmp_path: Path) -> None:
    run = start(store, tmp_path / "0")
    away.now = True
    run.log_metrics({"val/loss": 1.0}, 0)
    away.now = False
    done = deliver(kept(tmp_path), store)
    assert done.problem is not None
    assert "whose run still goes on" in done.problem
    with pytest.raises(Busy):
        kept(tmp_path).open(seconds=0)
    run.end("FINISHED")


def test_what_is_no_outbox_is_refused(tmp_path: Path) -> None:
    (tmp_path / "outbox" / "ab").mkdir(parents=True)
    (tmp_path / "outbox" / "ab" / "writes.jsonl").write_text('{"other": 1}\n')
    with pytest.raises(TrackingError, match=r"writes\.jsonl is not a record of writes"):
        len(kept(tmp_path))


# A full disk: the system's limit of a file's size, which SQLite and Python see as they see a full disk

FULL = """
import resource, sys
from pathlib import Path
from simplicity_sweep import outage
from simplicity_sweep.outbox import outboxes
from simplicity_sweep.tracking import Run, Store
folder, limit = Path(sys.argv[1]), int(sys.argv[2])
store = Store.open(f"sqlite:///{folder}/mlflow.db", "tests")
outage._FIRST_SECONDS = 1e-9
run = Run.start(store, name="0", params={}, tags={}, folder=folder / "0")
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
for step in range(3):
    run.log_metrics({"val/loss": float(step)}, step)
print("kept", len(outboxes(folder)[0]))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
run.end("FINISHED")
print(run.id, outboxes(folder))
"""


def fill(folder: Path, limit: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", FULL, str(folder), str(limit)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_a_database_whose_disk_is_full_is_an_outage(uri: str, tmp_path: Path) -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    done = fill(tmp_path, 4096)
    assert done.returncode == 0, done.stderr
    first, last = done.stdout.splitlines()
    assert first == "kept 3"
    assert last.endswith(" []")
    run = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db").get_run(last.split()[0])
    assert (run.info.status, run.data.metrics) == ("FINISHED", {"val/loss": 2.0})


def test_where_nothing_can_be_kept_either_the_run_fails_and_says_why(tmp_path: Path) -> None:
    done = fill(tmp_path, 10)
    assert done.returncode == 1
    assert "TrackingError: The tracking store can't be reached, and" in done.stderr
    assert "No space left on device" in done.stderr
    assert "Free space on its disk" in done.stderr
    assert not (tmp_path / "0" / "outbox").exists()


@pytest.mark.parametrize("left", ["", '{"store": "sqlite'])
def test_what_was_left_of_a_first_line_holds_nothing(store: Store, tmp_path: Path, left: str) -> None:
    run = Run.start(store, name="0", params={}, tags={}, folder=tmp_path)
    (tmp_path / "outbox" / run.id).mkdir(parents=True)
    (tmp_path / "outbox" / run.id / "writes.jsonl").write_text(left)
    assert outboxes(tmp_path) == []
    run.end("FINISHED")
    assert store.client.get_run(run.id).info.status == "FINISHED"
