"""The command line: help, refusals, what is printed where, what is recorded."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from simplicity_sweep.measure.table import print_table
from simplicity_sweep.probe import Figures
from tests.measure.conftest import NETWORKS, QUICK, images

HEAVY = ["torch", "pytorch_lightning", "mlflow", "hydra"]


def test_help_is_shown_without_importing_anything_heavy():
    script = (
        "import sys; from simplicity_sweep.measure.__main__ import main\n"
        "try: main(['--help'])\n"
        f"except SystemExit: print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.endswith("[]\n")
    for word in ("CHECKPOINT", "module:function", "measure=default|full|none", "train_inputs", "examples:", "--log"):
        assert word in done.stdout


def test_the_real_command_prints_json_and_nothing_else_beside_a_users_own_module(tmp_path):
    np.savez(tmp_path / "data.npz", **images())
    (tmp_path / "my_nets.py").write_text(
        "from torch import nn\nprint('imported')\n\ndef net():\n    print('built')\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))\n"
    )
    arguments = ["my_nets:net", "--npz", "data.npz", "--json", "trainer=cpu", *QUICK]
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-m", "simplicity_sweep.measure", *arguments],
        cwd=tmp_path,
        env={**os.environ, "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["figures"]["test/lz76_path"] >= 2
    assert done.stderr == "imported\nbuilt\n"
    assert {path.name for path in tmp_path.iterdir()} - {"__pycache__"} == {"data.npz", "my_nets.py"}


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("optim.lr=1", f"optim.lr=1: the network is that of {NETWORKS}:linear"),
        ("activation=tanh", "Leave activation out"),
        ("depth.sizes=[3]", "Leave depth out"),
        ("foo=1", "nobody reads foo here"),
        ("+foo.bar=1", "nobody reads foo.bar here"),
        ("experiment=smoke", "nobody reads experiment here"),
        ("trainer.max_epochs=3", "nobody reads trainer.max_epochs here"),
        ("hydra.run.dir=x", "nobody reads hydra.run.dir here"),
        ("data=digits", "data=digits: the inputs are those of --npz"),
        ("measure=most", "default\n\tfull\n\tnone"),
        ("measure.sigma=1", "measure.sigma"),
        ("measure.points=[train]", "holds no train_inputs"),
        ("measure.points=[test]", "should be 'train', 'midpoint' or 'noise'"),
        ("measure.probe.test.sigma=0", "measure.probe.test.sigma = 0: should be greater than 0"),
        ("measure.measurements.degenerate.function._target_=no.such", "no.such"),
        ("seed=-1", "seed = -1: should be greater than or equal to 0"),
        ("seed=1,2", "Ambiguous value for argument 'seed=1,2'"),
        ("seed", "Error parsing override 'seed'"),
    ],
)
def test_an_override_that_nobody_reads_or_that_is_out_of_range_is_refused(command, npz, override, said):
    done = command(f"{NETWORKS}:linear", "--npz", npz(), override)
    assert (done.status, done.out) == (1, "")
    assert said in done.err


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused(command, npz):
    assert "no GPU" in command(f"{NETWORKS}:linear", "--npz", npz(), "trainer=gpu").err


@pytest.mark.parametrize("arguments", [[], ["a:b", "--npz"], ["a:b", "--jsno"]])
def test_a_command_line_that_cannot_be_read_ends_with_2(command, arguments):
    done = command(*arguments)
    assert (done.status, done.out) == (2, "")
    assert "usage:" in done.err


@pytest.fixture(scope="module")
def uri(tmp_path_factory) -> str:
    """A store; to make one takes seconds."""
    return f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db"


def recorded(uri: str, experiment: str) -> tuple[MlflowClient, list[Run]]:
    client = MlflowClient(uri)
    return client, client.search_runs([client.get_experiment_by_name(experiment).experiment_id])


def test_a_run_is_recorded_with_figures_reasons_configuration_and_environment(command, npz, uri):
    arguments = [f"{NETWORKS}:Picky", "--npz", npz(), "--log", f"tracking.uri={uri}", "tracking.experiment=mine"]
    done = command(*arguments, "--json", "seed=7", *QUICK)
    assert done.status == 0, done.err
    client, [run] = recorded(uri, "mine")
    told = json.loads(done.out)
    assert f"MLflow run {run.info.run_id} in {uri}" in done.err
    assert (run.info.status, run.info.run_name) == ("FINISHED", f"measure {NETWORKS}:Picky")
    assert {"subject": f"{NETWORKS}:Picky", "seed": "7", "inputs": "60"}.items() <= run.data.params.items()
    assert run.data.metrics.keys() == told["figures"].keys()
    assert run.data.metrics["test/lz76_path"] == told["figures"]["test/lz76_path"]
    assert run.data.tags["role"] == "measure"
    assert run.data.tags["undefined/test/flip_rate"] == told["undefined"]["test/flip_rate"]
    kept = {artifact.path for artifact in client.list_artifacts(run.info.run_id)}
    assert kept == {"figures.json", "config.yaml", "environment.yaml"}


def test_what_cannot_be_measured_leaves_no_run(command, npz, uri):
    arguments = [f"{NETWORKS}:Pair", "--npz", npz(), "--log", f"tracking.uri={uri}", "tracking.experiment=none"]
    assert command(*arguments).status == 1
    assert recorded(uri, "none")[1] == []


def test_figures_that_cannot_be_recorded_are_printed_all_the_same(command, npz, uri, monkeypatch):
    def full(*_, **__):
        raise MlflowException("disk full")

    monkeypatch.setattr("simplicity_sweep.tracking.Run.start", full)
    done = command(f"{NETWORKS}:linear", "--npz", npz(), "--log", "--json", "measure=none", f"tracking.uri={uri}")
    assert (done.status, "disk full" in done.err) == (1, True)
    assert json.loads(done.out)["figures"]


def test_a_store_that_cannot_be_opened_is_refused_before_anything_is_measured(command, npz):
    done = command(f"{NETWORKS}:Pair", "--npz", npz(), "--log", "tracking.uri=file:///tmp/mlruns")
    assert (done.status, done.out) == (1, "")
    assert "tracking.uri = 'file:///tmp/mlruns': must start with sqlite:///" in done.err


def test_the_table_fits_80_columns_and_cuts_no_name(command, npz, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    path = npz(train_inputs=images()["inputs"])
    done = command(f"{NETWORKS}:Detached", "--npz", path, "measure.points=[train,midpoint,noise]", *QUICK)
    assert done.status == 0, done.err
    assert max(map(len, done.out.splitlines())) <= 80
    lines = {line.split()[0]: line.split()[1:] for line in done.out.splitlines() if line.strip()}
    assert lines["measurement"] == ["test", "±", "s.e.", "train", "midpoint", "noise"]
    assert len(lines["noise_l2_probabilities"]) == 5
    assert lines["jacobian_norm_probabilities"] == ["NaN"] * 4  # and no standard error
    assert lines["lz76_labels"][0].isdigit()
    assert "the network was not seen before it was trained" in " ".join(done.out.split())


def test_long_names_are_folded_and_markup_is_shown_as_it_is(capsys):
    from rich.console import Console

    figures = Figures({f"test/{'m' * 90}": 0.5, "test/b": float("nan")}, {"test/b": "[red]no[/red]"})
    print_table(figures, {"subject": "[a]:f"}, Console(width=60))
    out = capsys.readouterr().out
    assert out.count("m") == 90 + "measurement".count("m")
    assert "[red]no[/red]" in out
    assert out.startswith("subject [a]:f\n")
