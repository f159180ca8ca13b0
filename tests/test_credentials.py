"""A tracking server's password goes to the server, and nowhere else."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from hydra import compose, initialize_config_dir
from mlflow import MlflowClient
from omegaconf import DictConfig

from simplicity_sweep.config import ConfigError
from simplicity_sweep.credentials import masked, withheld, withhold
from simplicity_sweep.preflight import preflight
from simplicity_sweep.resolvers import register
from simplicity_sweep.store import Store
from simplicity_sweep.ui import free_port, serving
from tests.conftest import PROJECT

VARIABLES = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
SECRET = "s3cr3t"


@pytest.fixture(autouse=True)
def unset(monkeypatch):
    """No user, and after the test what was there before."""
    for name in VARIABLES:
        monkeypatch.setenv(name, "")


def given() -> tuple[str, ...]:
    return tuple(os.environ[name] for name in VARIABLES)


def composed(*overrides: str) -> DictConfig:
    """The configuration with Hydra's own node, as a callback gets it."""
    register()
    with initialize_config_dir(str(PROJECT / "conf"), version_base="1.3"):
        return compose("config", list(overrides), return_hydra_config=True)


def test_user_and_password_go_where_mlflow_looks_for_them():
    assert withheld("https://ann:s%403:cr@example.org:5000/mlflow") == "https://example.org:5000/mlflow"
    assert given() == ("ann", "s@3:cr")


@pytest.mark.parametrize(
    "uri", ["http://127.0.0.1:5000", "http://ann@example.org", "sqlite:////data/a:b@c.db", "http://[broken"]
)
def test_an_address_without_a_password_is_left_as_it_is(uri):
    assert withheld(uri) == masked(uri) == uri
    assert given() == ("", "")


@pytest.mark.parametrize("password", ["s3cr3t", "a@s3cr3t", "a/s3cr3t", "s3cr3t:b", "s3cr3t%20"])
def test_a_password_is_masked_wherever_it_stands_in_a_text(password):
    text = f"train.py 'tracking.uri=http://ann:{password}@example.org/mlflow' seed=1"
    assert masked(text) == "train.py 'tracking.uri=http://ann:***@example.org/mlflow' seed=1"


@pytest.mark.parametrize("sign", ["", "+", "++"])
def test_hydra_keeps_neither_the_address_nor_the_override_with_the_password(sign):
    override = f"{sign}tracking.uri='http://ann:{SECRET}@example.org'"
    config = composed("seed=1", override) if sign != "+" else composed("seed=1", override[1:])
    withhold(config)
    assert SECRET not in str(config)
    assert config.tracking.uri == "http://example.org"
    assert list(config.hydra.overrides.task) == ["seed=1", "tracking.uri='http://example.org'"]
    assert given() == ("ann", SECRET)


def test_a_password_from_elsewhere_than_the_command_line_is_overridden_for_the_jobs(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://ann:{SECRET}@example.org")
    config = composed("tracking.uri=${oc.env:MLFLOW_TRACKING_URI}")
    config.hydra.overrides.task = []  # as if it stood in a file
    withhold(config)
    assert list(config.hydra.overrides.task) == ["tracking.uri='http://example.org'"]


def test_a_configuration_without_a_password_is_not_touched():
    config = composed("seed=1")
    before = str(config)
    withhold(config)
    assert str(config) == before


def test_a_password_in_an_address_that_is_swept_over_is_refused():
    with pytest.raises(ConfigError, match=r"tracking\.uri = 'http://ann:\*\*\*@.*MLFLOW_TRACKING_PASSWORD"):
        preflight([composed("data=digits", f"tracking.uri=http://ann:{SECRET}@example.org")])


class Guard(BaseHTTPRequestHandler):
    """Lets nobody pass to the server but ann with her password."""

    server_behind: int
    passed: set[str]

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Authorization") != f"Basic {base64.b64encode(f'ann:{SECRET}'.encode()).decode()}":
            self._answer(401, b"who are you?")
            return
        kept = {name: value for name, value in self.headers.items() if name not in ("Authorization", "Host")}
        server = HTTPConnection("127.0.0.1", self.server_behind, timeout=60)
        server.request(self.command, self.path, body, kept)
        answer = server.getresponse()
        self._answer(answer.status, answer.read())
        server.close()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_GET

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of an MLflow server that asks for user and password, and its folder."""
    folder = tmp_path_factory.mktemp("server")
    store = Store.open(f"sqlite:///{folder}/mlflow.db", "simplicity-sweep")
    with serving(store, free_port(5700)) as (base, _):
        Guard.server_behind = int(base.rpartition(":")[2])
        with ThreadingHTTPServer(("127.0.0.1", 0), Guard) as guard:
            thread = Thread(target=guard.serve_forever)
            thread.start()
            yield f"127.0.0.1:{guard.server_port}", folder
            guard.shutdown()
            thread.join()


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ["-m", "seed=0,1", "report=true", f"tracking.uri=http://ann:{SECRET}@ADDRESS"],
        ["-m", "seed=0,1", "hydra/sweeper=basic", "hydra/launcher=basic", f"tracking.uri=http://ann:{SECRET}@ADDRESS"],
        ["-m", "seed=0,-1", f"tracking.uri=http://ann:{SECRET}@ADDRESS"],
        [
            "activation._target_=tests.failing.InTraining",
            "trust=[tests]",
            "tracking.uri=${oc.env:MLFLOW_TRACKING_URI}",
            "hydra.run.dir=FOLDER/${hydra.job.override_dirname}",
        ],
    ],
    ids=["sweep", "basic", "refused", "failing"],
)
def test_the_password_reaches_the_server_and_is_written_nowhere(guarded, tmp_path, arguments):
    address, served = guarded
    filled = [argument.replace("ADDRESS", address).replace("FOLDER", str(tmp_path)) for argument in arguments]
    flags = ["-m"] if "-m" in filled else []
    rest = [argument for argument in filled if argument != "-m"]
    command = [sys.executable, str(PROJECT / "train.py"), *flags, "data=digits", "trainer=debug", "measure=none"]
    command += ["report=false", f"hydra.sweep.dir={tmp_path}/multirun", f"hydra.run.dir={tmp_path}/outputs", *rest]
    source = os.pathsep.join([str(PROJECT / "src"), str(PROJECT)])
    environment = {**os.environ, "PYTHONPATH": source, "MLFLOW_TRACKING_URI": f"http://ann:{SECRET}@{address}"}
    client = MlflowClient(f"sqlite:///{served}/mlflow.db")
    before = len(client.search_runs(["1"]))
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    refused, failing = "seed=0,-1" in arguments, "trust=[tests]" in arguments
    assert (done.returncode == 0) == (not refused and not failing), done.stderr
    recorded = client.search_runs(["1"])
    assert (len(recorded) == before) == refused
    assert SECRET not in done.stdout + done.stderr
    assert SECRET not in str([run.to_dictionary() for run in recorded])
    files = [path for folder in (tmp_path, served) for path in folder.rglob("*")]
    assert any(path.name == "overrides.yaml" for path in files) or refused
    hidden = (SECRET, base64.b64encode(f"ann:{SECRET}".encode()).decode())
    for path in files:
        assert not any(secret in str(path) for secret in hidden)
        if path.is_file():
            content = path.read_bytes()
            assert not any(secret.encode() in content for secret in hidden), path
