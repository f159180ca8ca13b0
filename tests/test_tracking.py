"""Stores, runs, Lightning's logger and what is recorded of code and machine."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from mlflow.entities import Run as StoredRun
from omegaconf import OmegaConf
from torch.utils.data import DataLoader, TensorDataset

from simplicity_sweep import store as store_module
from simplicity_sweep import tracking
from simplicity_sweep.credentials import masked
from simplicity_sweep.environment import environment, environment_yaml, provenance
from simplicity_sweep.logger import RunLogger
from simplicity_sweep.recording import recording
from simplicity_sweep.tracking import Run, Store, TrackingError


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """One store for the file: making a schema takes a second or more; every test starts runs of its own."""
    return Store.open(f"sqlite:///{tmp_path_factory.mktemp('store')}/new/mlflow.db", "tests")


@pytest.fixture
def run(store: Store) -> Run:
    return Run.start(store, name="a run", params={}, tags={})


def stored(run: Run) -> StoredRun:
    return run.store.client.get_run(run.id)


def curve(run: Run, metric: str) -> list[tuple[int, float]]:
    return [(point.step, point.value) for point in run.store.client.get_metric_history(run.id, metric)]


# Stores


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


# Runs


def test_a_run_keeps_what_it_is_given(store: Store, tmp_path: Path) -> None:
    parent = Run.start(store, name="parent", params={}, tags={})
    run = Run.start(store, name="child", params={"seed": 0, "a": None}, tags={"job": "0"}, parent=parent.id)
    run.log_texts({"config.yaml": "seed: 0\n"})
    (tmp_path / "plot.svg").write_text("<svg/>")
    run.log_file(tmp_path / "plot.svg", "figures")
    kept = stored(run)
    assert kept.info.run_name == "child"
    assert kept.info.status == "RUNNING"
    assert kept.data.params == {"seed": "0", "a": "None"}
    assert kept.data.tags["job"] == "0"
    assert [child.info.run_id for child in store.children(parent.id)] == [run.id]
    folder = Path(kept.info.artifact_uri.removeprefix("file://"))
    assert (folder / "config.yaml").read_text() == "seed: 0\n"
    assert (folder / "figures" / "plot.svg").read_text() == "<svg/>"


def test_nan_is_a_value_and_infinity_the_largest_float(run: Run) -> None:
    run.log_metrics({"val/nan": float("nan"), "val/inf": float("inf"), "val/one": 1.0}, step=2)
    kept = stored(run).data.metrics
    assert np.isnan(kept["val/nan"])
    assert kept["val/inf"] == np.finfo(np.float64).max
    assert curve(run, "val/one") == [(2, 1.0)]


def test_batches_beyond_mlflows_limits_are_split(store: Store) -> None:
    run = Run.start(
        store,
        name="large",
        params={f"p{number}": "x" for number in range(101)} | {"long": "x" * 6001},
        tags={f"t{number}": "x" for number in range(101)} | {"long": "x" * 8001},
    )
    run.log_metrics({f"m{number}": 0.0 for number in range(1001)}, step=0)
    kept = stored(run).data
    assert len(kept.params) == 102
    assert len(kept.metrics) == 1001
    assert {f"t{number}" for number in range(101)} <= set(kept.tags)
    assert (len(kept.params["long"]), kept.params["long"][-1]) == (6000, "…")
    assert (len(kept.tags["long"]), kept.tags["long"][-1]) == (8000, "…")


def test_a_block_that_ends_well_finishes_its_run(run: Run) -> None:
    with recording(run) as given:
        given.hold_metrics({"val/loss": 0.5}, step=3)
    assert given is run
    assert stored(run).info.status == "FINISHED"
    assert stored(run).info.end_time is not None
    assert curve(run, "val/loss") == [(3, 0.5)]


def test_an_exception_fails_its_run_keeps_its_traceback_and_loses_no_metric(run: Run) -> None:
    with pytest.raises(ValueError, match="loss is"), recording(run):  # noqa: PT012
        run.hold_metrics({"val/loss": 0.5}, step=3)
        raise ValueError("loss is\nnan " + "x" * 300)
    kept = stored(run)
    assert kept.info.status == "FAILED"
    assert kept.data.tags["failure"].startswith("ValueError: loss is nan xxx")
    assert len(kept.data.tags["failure"]) == 250
    text = Path(kept.info.artifact_uri.removeprefix("file://"), "traceback.txt").read_text()
    assert 'raise ValueError("loss is' in text
    assert curve(run, "val/loss") == [(3, 0.5)]


def ask_for_too_much() -> None:
    torch.empty(2**46)


def ask_a_gpu_for_too_much() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB. " + "x" * 300)


@pytest.mark.parametrize("ask", [ask_for_too_much, ask_a_gpu_for_too_much])
def test_a_run_out_of_memory_fails_with_advice(run: Run, ask: Callable[[], None]) -> None:
    with pytest.raises(RuntimeError), recording(run):
        ask()
    kept = stored(run)
    assert kept.info.status == "FAILED"
    assert kept.data.tags["failure"].endswith("try a smaller data.batch_size, depth.width or hydra.launcher.max_group")
    assert len(kept.data.tags["failure"]) <= 250


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), SystemExit(1), GeneratorExit()])
def test_being_stopped_kills_the_run(run: Run, stop: BaseException) -> None:
    with pytest.raises(type(stop)), recording(run):
        raise stop
    assert stored(run).info.status == "KILLED"


def test_a_run_whose_metrics_are_lost_has_not_finished(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(run.store.client, "log_batch", fail)
    with pytest.raises(OSError, match="disk full"), recording(run):
        run.hold_metrics({"val/loss": 0.5}, step=3)
    assert stored(run).info.status == "FAILED"


def test_a_failed_write_ends_a_long_run_at_its_next_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(run.store.client, "log_batch", fail)
    run.hold_metrics({"val/loss": 0.5}, step=3)
    run.flush()
    wait_for_writes = tracking._writer().submit(int)
    wait_for_writes.result()
    run.hold_metrics({"val/loss": 0.4}, step=4)
    with pytest.raises(OSError, match="disk full"):
        run.flush()


def test_what_is_held_is_written_in_time_and_in_order(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "_HELD_SECONDS", 0.0)
    for step in range(3):
        run.hold_metrics({"val/loss": float(step)}, step)
    run.set_tags({"fused": "yes"})
    assert curve(run, "val/loss") == [(0, 0.0), (1, 1.0), (2, 2.0)]
    assert stored(run).data.tags["fused"] == "yes"


def test_a_store_that_fails_does_not_hide_what_went_wrong_before(
    run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(run.store.client, "log_batch", fail)
    with pytest.raises(ZeroDivisionError), recording(run):
        _ = 1 / 0
    assert "disk full" in caplog.text
    assert stored(run).info.status == "FAILED"


# Lightning's logger


def test_curves_have_a_point_for_each_epoch_however_many_are_written_at_once(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes: list[list[tuple[str, int]]] = []
    real = run.store.client.log_batch

    def counted(run_id: str, metrics: list[object] = (), **rest: object) -> None:  # type: ignore[assignment]
        writes.append([(metric.key, metric.step) for metric in metrics])  # type: ignore[attr-defined]
        real(run_id, metrics=metrics, **rest)

    monkeypatch.setattr(run.store.client, "log_batch", counted)
    logger = RunLogger(run)
    for epoch in (0, 1):  # as Lightning does it: validation first, `step` counting batches
        logger.log_metrics({"val/loss": 0.5, "epoch": epoch}, step=937)
        logger.log_metrics({"train/loss": 0.25, "epoch": epoch}, step=938)
    logger.finalize("success")
    run.end("FINISHED")
    assert writes == [[("val/loss", 0), ("train/loss", 0), ("val/loss", 1), ("train/loss", 1)]]
    assert curve(run, "val/loss") == [(0, 0.5), (1, 0.5)]


def test_what_comes_with_test_figures_is_final_and_stands_at_step_zero(run: Run) -> None:
    logger = RunLogger(run)
    logger.log_metrics({"val/loss": 1.0, "train/loss": 1.5, "epoch": 3}, step=9)
    logger.log_metrics({"test/accuracy": 0.5, "null/lz76_path/shuffled": 4.0, "train/flip_rate": 0.1, "epoch": 4}, 9)
    run.end("FINISHED")
    assert curve(run, "test/accuracy") == [(0, 0.5)]
    assert curve(run, "null/lz76_path/shuffled") == [(0, 4.0)]
    assert curve(run, "train/flip_rate") == [(0, 0.1)]
    assert curve(run, "val/loss") == [(3, 1.0)]
    assert curve(run, "train/loss") == [(3, 1.5)]


def test_without_an_epoch_the_step_given_counts(run: Run) -> None:
    logger = RunLogger(run)
    logger.log_metrics({"val/loss": 1.0}, step=7)
    logger.log_metrics({"val/other": 1.0})
    run.end("FINISHED")
    assert curve(run, "val/loss") == [(7, 1.0)]
    assert curve(run, "val/other") == [(0, 1.0)]


class Tiny(pl.LightningModule):
    """y = w·x from w = 0, trained on x = 1 towards 0: it stays 0, so every loss is known to be 0."""

    def __init__(self, stop: BaseException | None = None) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(1, 1, bias=False)
        torch.nn.init.zeros_(self.layer.weight)
        self.stop = stop

    def _loss(self, name: str, batch: list[torch.Tensor]) -> torch.Tensor:
        loss = self.layer(batch[0]).square().mean()
        self.log(name, loss, on_step=False, on_epoch=True)
        return loss

    def training_step(self, batch: list[torch.Tensor]) -> torch.Tensor:
        return self._loss("train/loss", batch)

    def validation_step(self, batch: list[torch.Tensor]) -> None:
        self._loss("val/loss", batch)
        if self.stop is not None and self.current_epoch == 1:
            raise self.stop

    def test_step(self, batch: list[torch.Tensor]) -> None:
        self._loss("test/loss", batch)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.fixture
def trainer(run: Run) -> Iterator[tuple[pl.Trainer, DataLoader[tuple[torch.Tensor, ...]]]]:
    handler = signal.getsignal(signal.SIGINT)  # after a Ctrl-C Lightning leaves it ignored
    options = {"enable_progress_bar": False, "enable_checkpointing": False, "enable_model_summary": False}
    yield (
        pl.Trainer(max_epochs=2, logger=RunLogger(run), accelerator="cpu", num_sanity_val_steps=0, **options),
        DataLoader(TensorDataset(torch.ones(4, 1)), batch_size=2),
    )
    signal.signal(signal.SIGINT, handler)


# Lightning advises more workers for loading data, and more batches for its logging interval.
@pytest.mark.filterwarnings("ignore::lightning_fabric.utilities.warnings.PossibleUserWarning")
class TestWithLightning:
    def test_curves_are_by_epoch_and_the_run_outlives_fit_and_test(self, run: Run, trainer) -> None:  # type: ignore[no-untyped-def]
        lightning, loader = trainer
        model = Tiny()
        lightning.fit(model, loader, loader)
        assert stored(run).info.status == "RUNNING"
        lightning.test(model, loader, verbose=False)
        assert stored(run).info.status == "RUNNING"
        run.end("FINISHED")
        assert curve(run, "train/loss") == curve(run, "val/loss") == [(0, 0.0), (1, 0.0)]
        assert curve(run, "test/loss") == [(0, 0.0)]
        assert set(stored(run).data.metrics) == {"train/loss", "val/loss", "test/loss"}
        assert stored(run).data.params == {}

    def test_ctrl_c_inside_fit_kills_the_run_and_keeps_the_epochs_before(self, run: Run, trainer) -> None:  # type: ignore[no-untyped-def]
        lightning, loader = trainer
        with pytest.raises(SystemExit), recording(run):
            lightning.fit(Tiny(KeyboardInterrupt()), loader, loader)
        assert stored(run).info.status == "KILLED"
        assert curve(run, "val/loss") == [(0, 0.0)]
        assert curve(run, "train/loss") == [(0, 0.0)]


# Code and machine


def test_the_environment_holds_what_a_figure_depends_on() -> None:
    known = environment()
    assert known["python"] == ".".join(map(str, sys.version_info[:3]))
    assert known["versions"]["torch"] == torch.__version__  # with its build, e.g. +cpu
    assert known["machine"]["cpus"] == os.cpu_count()
    assert f"pytest=={pytest.__version__}" in known["packages"]
    assert OmegaConf.to_container(OmegaConf.create(environment_yaml())) == known


def test_provenance_names_this_process() -> None:
    tags = provenance()
    assert tags["pid"] == str(os.getpid())
    assert set(tags) == {"git.commit", "git.dirty", "host", "pid", "pid.started"}
    assert tags["git.dirty"] in ("true", "false", "none")
