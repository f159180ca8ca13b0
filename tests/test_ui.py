"""MLflow's own UI at a sweep's ready-made page: what the page holds, and how it is served."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from mlflow import MlflowClient

from simplicity_sweep import ui
from simplicity_sweep.mlflow_page import page_link, plain_link, publish_page, runs_link
from simplicity_sweep.recorded import last_sweep
from simplicity_sweep.tracking import Run, Store
from simplicity_sweep.ui import free_port, main
from tests.stores import new_store

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

JOBS = (
    ({"activation": "relu", "depth": "shallow", "depth.hidden_layers": 1, "optim.lr": 0.1, "seed": 0}, 0.10),
    ({"activation": "tanh", "depth": "deep", "depth.hidden_layers": 4, "optim.lr": 0.1, "seed": 0}, 0.95),
    ({"activation": "tanh", "depth": "shallow", "depth.hidden_layers": 1, "optim.lr": 0.01, "seed": 0}, 0.97),
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """One store for the file, with one sweep of three jobs in it."""
    store = new_store(tmp_path_factory.mktemp("store"))
    sweep(store)
    return store


def sweep(store: Store) -> str:
    """A closed sweep of `JOBS`, with two epochs' curves; the id of its parent run."""
    parent = Run.start(store, name="sweep", params={}, tags={"role": "sweep"})
    for number, (params, accuracy) in enumerate(JOBS):
        run = Run.start(store, name=f"job-{number}", params=params, tags={"role": "job"}, parent=parent.id)
        for epoch in (0, 1):
            run.log_metrics({"val/accuracy": accuracy / 2, "train/loss": 1.0, "val/loss": 1.0}, epoch)
        run.log_metrics({"test/accuracy": accuracy, "test/lz76_path": 3.0, "test/noise_l2_logits": 0.5}, 0)
        run.end("FINISHED")
    parent.end("FINISHED")
    publish_page(store, parent.id)
    return parent.id


def page(store: Store, parent: str) -> dict[str, Any]:
    """What is written down for MLflow's page."""
    text = store.client.get_experiment(store.experiment_id).tags[f"mlflow.sharedViewState.{parent}"]
    state: dict[str, Any] = json.loads(text)
    return state


def last(store: Store) -> str:
    parent = last_sweep(store)
    assert parent is not None
    return str(parent.info.run_id)


# The page


def test_the_page_shows_the_sweeps_jobs_alone_best_accuracy_first(store: Store) -> None:
    state = page(store, last(store))
    assert state["searchFilter"] == f"tags.`mlflow.parentRunId` = '{last(store)}'"
    assert (state["orderByKey"], state["orderByAsc"]) == ("metrics.`test/accuracy`", False)
    found = store.client.search_runs([store.experiment_id], filter_string=state["searchFilter"])
    assert sorted(run.info.run_name for run in found) == ["job-0", "job-1", "job-2"]


def test_its_columns_are_what_varies_once_and_what_was_measured(store: Store) -> None:
    columns = page(store, last(store))["columnOrder"]
    # `depth.hidden_layers` says what `depth` says; `seed` is the same everywhere; no flips were measured.
    assert columns == [
        "params.`activation`",
        "params.`depth`",
        "params.`optim.lr`",
        "metrics.`test/accuracy`",
        "metrics.`test/lz76_path`",
        "metrics.`test/noise_l2_logits`",
    ]


def test_its_charts_are_of_metrics_that_there_are(store: Store) -> None:
    charts = page(store, last(store))["compareRunCharts"]
    assert len({chart["uuid"] for chart in charts}) == len(charts)
    of_kind = {kind: [c for c in charts if c["type"] == kind] for kind in ("PARALLEL", "BAR", "SCATTER", "LINE")}
    assert [chart["selectedParams"] for chart in of_kind["PARALLEL"]] == [["activation", "depth", "optim.lr"]]
    assert [chart["metricKey"] for chart in of_kind["BAR"]] == [
        "test/accuracy",
        "test/lz76_path",
        "test/noise_l2_logits",
    ]
    assert [chart["metricKey"] for chart in of_kind["LINE"]] == ["val/accuracy", "val/loss", "train/loss"]
    assert len(of_kind["SCATTER"]) == 2
    sections = {section["uuid"] for section in page(store, last(store))["compareRunSections"]}
    assert {chart["metricSectionId"] for chart in charts} == sections


@pytest.mark.parametrize(("jobs", "shown"), [(0, "SHOW_ALL"), (50, "SHOW_ALL"), (51, "FIRST_20_RUNS")])
def test_of_a_long_sweep_the_best_are_drawn(store: Store, jobs: int, shown: str) -> None:
    parent = Run.start(store, name="long", params={}, tags={})
    for number in range(jobs):
        Run.start(store, name=str(number), params={f"p{i}": number for i in range(20)}, tags={}, parent=parent.id)
    publish_page(store, parent.id)
    assert page(store, parent.id)["runsHiddenMode"] == shown


# The links


def parts(link: str) -> tuple[str, Mapping[str, list[str]]]:
    place, _, query = link.partition("?")
    return place, parse_qs(query)


def test_the_link_names_the_page_and_its_charts_or_table(store: Store) -> None:
    place, query = parts(page_link(store, "abc"))
    assert place == f"http://127.0.0.1:5000/#/experiments/{store.experiment_id}/runs"
    assert query["viewStateShareKey"] == ["abc"]
    assert query["compareRunsMode"] == ["CHART"]
    _, query = parts(page_link(store, "abc", mode="TABLE"))
    assert query["compareRunsMode"] == ["TABLE"]


def test_the_plain_link_needs_nothing_that_was_written_down(store: Store) -> None:
    place, query = parts(plain_link(store, "abc", "http://127.0.0.1:5001/"))
    assert place == f"http://127.0.0.1:5001/#/experiments/{store.experiment_id}/runs"
    assert "viewStateShareKey" not in query
    assert query["searchFilter"] == ["tags.`mlflow.parentRunId` = 'abc'"]
    assert query["orderByKey"] == ["metrics.`test/accuracy`"]


def test_links_lead_to_the_tracking_server_without_its_password() -> None:
    served = Store("https://ann:sesame@example.org:8443/mlflow", "7", MlflowClient("https://example.org"))
    assert runs_link(served).startswith("https://example.org:8443/mlflow/#/experiments/7/runs?")


# Serving


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_port_in_use_is_passed_over_and_said_so(taken: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert free_port(taken) > taken
    said = capsys.readouterr().out
    assert f"Port {taken} is in use" in said
    assert "--port PORT" in said


def test_without_a_free_port_the_remedy_is_named(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ui, "_PORTS_TRIED", 1)
    with pytest.raises(ui.UIError, match=rf"--port {taken}: .* --port PORT"):
        free_port(taken)


@pytest.fixture
def keep_sigterm() -> Iterator[None]:
    handler = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, handler)


@pytest.mark.usefixtures("keep_sigterm")
def test_looking_for_a_store_that_is_not_there_makes_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--uri", f"sqlite:///{tmp_path}/mlflow.db", "--experiment", "tests"]) == 1
    assert "make sweep" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_browser_is_opened_only_where_it_has_a_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    assert not ui._has_browser()
    monkeypatch.setenv("DISPLAY", ":0")
    assert ui._has_browser()


@contextmanager
def serving(store: Store) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """What `python -m simplicity_sweep.ui` prints, and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "simplicity_sweep.ui", "--uri", store.uri, "--experiment", "tests"]
    with subprocess.Popen(
        [*command, "--port", str(port), "--no-browser"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # A shell that starts the tests in the background leaves Ctrl-C ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "Ctrl-C" in line:
                break
        yield "".join(lines), process
        process.terminate()


@pytest.fixture(scope="module")
def served(store: Store) -> Iterator[str]:
    """What `python -m simplicity_sweep.ui` prints while it serves."""
    with serving(store) as (said, _):
        yield said


def listened(tables: str, port: int) -> set[str]:
    """The addresses on which somebody listens at `port`, of the kernel's tables, as it writes them."""
    rows = [line.split() for line in tables.splitlines()]
    local = [row[1].rpartition(":") for row in rows if len(row) > 3 and row[3] == "0A"]  # 0A: LISTEN
    return {address for address, _, number in local if int(number, 16) == port}


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs Linux, which tells who listens where")
def test_the_server_listens_on_this_machine_alone(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HOST", "0.0.0.0")  # MLflow's own way to say it; ours comes before
    with serving(store) as (said, _):
        [port] = {int(port) for port in re.findall(r"http://127\.0\.0\.1:(\d+)/", said)}
        tables = "".join(Path(name).read_text() for name in ("/proc/net/tcp", "/proc/net/tcp6") if Path(name).exists())
    assert listened(tables, port) == {"0100007F"}  # 127.0.0.1, lowest byte first


class Browser:
    """A page in Chromium without a window, steered through a pipe: what it shows can be awaited."""

    def __init__(self, link: str, folder: Path) -> None:
        assert CHROMIUM is not None
        reads, self._commands = os.pipe()
        self._answers, writes = os.pipe()
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
        options += ["--disable-background-networking", "--disable-component-update"]
        options += [f"--user-data-dir={folder}", "--window-size=2400,2400", "--remote-debugging-pipe"]
        # Chromium takes commands from the file number 3 and answers on 4.
        command = ["bash", "-c", f'exec "$@" 3<&{reads} 4>&{writes}', "bash", CHROMIUM, *options]
        self._process = subprocess.Popen(
            command,
            pass_fds=(reads, writes),
            env=os.environ | {"HOME": str(folder)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(reads)
        os.close(writes)
        self._said = b""
        self._number = 0
        target = self._ask("Target.createTarget", url=link)["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def awaited(self, *texts: str) -> str:
        """The page's document once it holds all of `texts`, or after a minute and a half."""
        deadline = time.monotonic() + 90
        while True:
            answer = self._ask("Runtime.evaluate", self._session, expression="document.documentElement.outerHTML")
            document = str(answer["result"]["value"])
            if all(text in document for text in texts) or time.monotonic() > deadline:
                return document
            time.sleep(0.5)

    def close(self) -> None:
        self._ask("Browser.close")
        self._process.wait(60)
        os.close(self._commands)
        os.close(self._answers)

    def _ask(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        self._number += 1
        question = {"id": self._number, "method": method, "params": params}
        question |= {"sessionId": session} if session else {}
        os.write(self._commands, json.dumps(question).encode() + b"\0")
        while True:
            while b"\0" not in self._said:
                part = os.read(self._answers, 2**16)
                assert part, "the browser has ended"
                self._said += part
            message, _, self._said = self._said.partition(b"\0")
            answer = json.loads(message)
            if answer.get("id") == self._number:  # the rest are events
                assert "result" in answer, answer
                result: dict[str, Any] = answer["result"]
                return result


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium to draw the page: apt-get install chromium")
@pytest.mark.parametrize(
    ("mode", "shown"),
    [
        ("CHART", ["From setting to result", "Results on the test set", "By epoch"]),
        ("CHART", ['class="trace bars"', 'class="trace scatter', "parcoords"]),
        ("TABLE", [">activation<", ">depth<", ">optim.lr<", ">test/accuracy<", ">test/lz76_path<"]),
    ],
    ids=["sections", "charts", "columns"],
)
def test_mlflow_draws_the_page(served: str, tmp_path: Path, mode: str, shown: list[str]) -> None:
    [link] = re.findall(rf"http://\S+viewStateShareKey\S+{mode}", served)
    browser = Browser(link, tmp_path)
    expected = [*shown, "job-0", "job-1", "job-2"]
    document = browser.awaited(*expected)
    browser.close()
    assert {text for text in expected if text not in document} == set()


@pytest.mark.slow
def test_ctrl_c_ends_the_server_too(store: Store) -> None:
    with serving(store) as (said, process):
        [port] = {int(port) for port in re.findall(r"http://127\.0\.0\.1:(\d+)/", said)}
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
        assert process.stdout is not None
        assert process.stdout.read() == ""  # no stack trace
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
