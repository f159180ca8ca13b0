"""The five commands of docs/cluster.md, as they stand there: on two nodes, with a server before PostgreSQL."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from simplicity_sweep.recorded import find_sweep
from simplicity_sweep.rows import Row, rows_of
from simplicity_sweep.store import Store
from simplicity_sweep.tracking import Run
from tests import slow
from tests.commands import Command
from tests.conftest import PROJECT
from tests.slurm.cluster import PAIR
from tests.slurm.conftest import ONE_THREAD

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

PAGE = PROJECT / "docs" / "cluster.md"
HOST = socket.gethostname()
ON_BOTH = "hydra.launcher.partition=pair"
SECONDS = 900  # a loaded machine is given


def commands() -> list[str]:
    """Those of the page, in their order, without the remarks behind them."""
    block = PAGE.read_text().partition("## In five commands")[2].split("```")[1]
    return [line.partition("  #")[0].strip() for line in block.replace("\\\n", " ").strip().splitlines()]


@pytest.fixture(scope="module")
def tracker(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Machine and port of the server that the second command starts."""
    folder = tmp_path_factory.mktemp("tracker")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = commands()[1]
    for name, meant in {
        "TRACKER:5000": f"{HOST}:{port}",
        "postgresql+psycopg2://USER@DATABASE/mlflow": postgres,
        "/shared": str(folder),
    }.items():
        assert name in command
        command = command.replace(name, meant)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    log = folder / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            f"{command} --port {port}",
            shell=True, cwd=folder, env=environment, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + SECONDS
        while not _answers(port):
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield f"{HOST}:{port}"
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _answers(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.fixture
def reached(environment: dict[str, str]) -> dict[str, str]:
    """For a command whose jobs ask the server, past whatever proxy there is."""
    return {**environment, "NO_PROXY": HOST, "no_proxy": HOST}


def arguments(place: int, tracker: str) -> list[str]:
    """Those of the page's command with this number."""
    python, script, *given = shlex.split(commands()[place - 1].replace("TRACKER:5000", tracker))
    assert (python, script) == ("python", "train.py")
    return given


def recorded(uri: str, folder: Path) -> tuple[list[Row], list[dict[tuple[str, int], str]]]:
    """The table of the sweep in the folder, but for ids and times, and each job's points, to the last bit."""
    store = Store.open(uri, "simplicity-sweep")
    children = store.children(find_sweep(store, str(folder / "multirun")).info.run_id)
    rows = rows_of(children, len(children), folder / "multirun")
    ids = [row.run for row in rows if row.run is not None]
    points = [{place: repr(value) for place, value in Run(store, run).points().items()} for run in ids]
    return [replace(row, run=None, seconds=None) for row in rows], points


def test_the_page_s_try_runs_on_both_nodes_and_ends_with_table_and_numbers_of_a_local_sweep(
    tmp_path, reached, tracker, monkeypatch
):
    monkeypatch.setenv("NO_PROXY", HOST)
    alone, there = tmp_path / "alone", tmp_path / "slurm"
    alone.mkdir()
    there.mkdir()
    asked = arguments(3, tracker)
    local = [word for word in asked if not word.startswith(("hydra/launcher=", "tracking."))]
    assert Command(alone, *local, environment=ONE_THREAD).ended(SECONDS).returncode == 0
    told = f"hydra.launcher.setup=['echo $SLURMD_NODENAME > {there}/node-$SLURM_ARRAY_TASK_ID']"
    ended = Command(there, *asked, ON_BOTH, told, environment=reached).ended(SECONDS)
    assert ended.returncode == 0, ended.stderr
    assert sorted(file.read_text().strip() for file in there.glob("node-*")) == list(PAIR)
    rows, points = recorded(f"http://{tracker}", there)
    assert "2 jobs: 2 finished" in ended.stdout
    assert (rows, points) == recorded(f"sqlite:///{alone}/mlflow.db", alone)
    assert len(rows) == len(points) == 2
    assert min(map(len, points)) > 10


def test_the_page_s_sweep_is_cut_off_and_its_last_command_goes_on_with_it(tmp_path, reached, tracker, monkeypatch):
    monkeypatch.setenv("NO_PROXY", HOST)
    quick = ["data=digits", "trainer=cpu", "trainer.max_epochs=8", "measure=none"]
    lasting = ["trust=[tests]", "activation._target_=tests.slow.InValidation"]
    extra = [*quick, *lasting, ON_BOTH, "hydra.launcher.jobs_per_node=10"]
    command = Command(tmp_path, *arguments(4, tracker), *extra, environment={**reached, slow.SECONDS: "0.1"})
    begun = [tmp_path / "multirun" / job / "checkpoints" / "last.ckpt" for job in ("0", "10")]  # one of each node
    deadline = time.monotonic() + SECONDS
    while not all(checkpoint.exists() for checkpoint in begun):
        assert command.poll() is None, command.ended().stderr
        assert time.monotonic() < deadline
        time.sleep(0.1)
    command.send(signal.SIGINT)
    cut_off = command.ended(SECONDS)
    assert cut_off.returncode == 130, cut_off.stderr
    assert "20 jobs: 20 killed" in cut_off.stdout
    ended = Command(tmp_path, *arguments(5, tracker), *extra, environment=reached).ended(SECONDS)
    assert ended.returncode == 0, ended.stderr
    assert "20 jobs: 20 finished" in ended.stdout
    rows, points = recorded(f"http://{tracker}", tmp_path)
    assert {row.status for row in rows} == {"FINISHED"}
    assert {step for job in points for name, step in job if name == "val/loss"} == set(range(8))
