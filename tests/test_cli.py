"""The real command, on scikit-learn's digits: what a user types and what is left afterwards."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mlflow import MlflowClient
from mlflow.entities import Run

from tests.commands import left_in, parent_and_children, running, runs, train
from tests.conftest import PROJECT

QUICK = ["data=digits", "trainer=cpu", "trainer.max_epochs=2"]
MEASURED = [
    "lz76_path",
    "lz76_labels",
    "deflate_logits",
    "noise_l2_logits",
    "noise_l2_probabilities",
    "flip_rate",
    "jacobian_norm_logits",
    "jacobian_norm_probabilities",
    "degenerate",
    "loss",
    "accuracy",
]


def artifacts(folder: Path, run: Run) -> set[str]:
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    return {artifact.path for artifact in client.list_artifacts(run.info.run_id)}


@pytest.fixture(scope="module")
def sweep(tmp_path_factory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    folder = tmp_path_factory.mktemp("sweep")
    return folder, train(folder, "-m", "activation=relu,tanh", *QUICK, "report=true")


@pytest.fixture(scope="module")
def broken_sweep(tmp_path_factory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    folder = tmp_path_factory.mktemp("broken")
    targets = "torch.nn.ReLU,tests.failing.AtBuild,tests.failing.InTraining,tests.failing.InMeasuring"
    return folder, train(folder, "-m", f"activation._target_={targets}", "trust=[tests]", *QUICK, "report=true")


def test_a_sweep_succeeds_without_a_warning(sweep):
    _, done = sweep
    assert done.returncode == 0, done.stderr
    assert "arn" not in done.stderr, done.stderr


def test_a_sweep_is_a_finished_parent_with_finished_children(sweep):
    folder, _ = sweep
    parent, children = parent_and_children(folder)
    assert parent.info.status == "FINISHED"
    assert [child.info.status for child in children] == ["FINISHED", "FINISHED"]
    assert [child.data.params["activation"] for child in children] == ["relu", "tanh"]


def test_a_sweep_ends_with_its_report(sweep):
    folder, done = sweep
    page = folder / "multirun" / "report" / "report.html"
    assert done.stdout.rstrip().endswith(f"Report: {page}")
    assert "activation=tanh" in page.read_text()
    assert artifacts(folder, parent_and_children(folder)[0]) >= {"decide.yaml", "report"}


def test_the_report_of_a_sweep_with_failures_lists_them(broken_sweep):
    folder, _ = broken_sweep
    page = (folder / "multirun" / "report" / "report.html").read_text()
    assert "3 of 4 cells have no result" in page


def test_the_runs_of_a_sweep_are_trained_as_one(sweep):
    folder, _ = sweep
    assert [child.data.tags["fused"] for child in parent_and_children(folder)[1]] == ["yes", "yes"]


def test_the_function_along_paths_is_kept_with_each_run(sweep):
    folder, _ = sweep
    for child in parent_and_children(folder)[1]:
        assert "paths.json" in artifacts(folder, child)


def test_every_measurement_is_there_for_validation_and_test(sweep):
    folder, _ = sweep
    for child in parent_and_children(folder)[1]:
        expected = {f"{stage}/{name}" for stage in ("val", "test") for name in MEASURED}
        assert expected | {"train/loss"} <= child.data.metrics.keys()


def test_curves_go_by_epoch_and_final_figures_stand_at_step_0(sweep):
    folder, _ = sweep
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    run = parent_and_children(folder)[1][0].info.run_id
    for name in ("train/loss", "val/accuracy", "val/lz76_path"):
        assert [point.step for point in client.get_metric_history(run, name)] == [0, 1]
    assert [point.step for point in client.get_metric_history(run, "test/accuracy")] == [0]


def test_run_and_folder_point_to_each_other(sweep):
    folder, _ = sweep
    for child in parent_and_children(folder)[1]:
        job = folder / "multirun" / child.data.tags["job"]
        assert child.data.tags["folder"] == str(job)
        assert (job / "mlflow_run_id").read_text().strip() == child.info.run_id
        assert {"config.yaml", "overrides.txt", "environment.yaml"} <= artifacts(folder, child)


def test_checkpoints_are_found_from_the_run_and_hold_no_code(sweep):
    folder, _ = sweep
    tags = parent_and_children(folder)[1][0].data.tags
    for which in ("best", "last"):
        checkpoint = torch.load(tags[f"checkpoint.{which}"], weights_only=True)
        assert checkpoint["simplicity_sweep"]["activation"]["_target_"] == "torch.nn.ReLU"


def test_the_table_shows_every_job_and_the_way_to_the_page(sweep):
    _, done = sweep
    assert "activation=relu" in done.stdout
    assert "activation=tanh" in done.stdout
    assert "make ui" in done.stdout


def test_the_same_seed_gives_the_same_numbers_whatever_trains_beside_it(sweep, broken_sweep):
    relu, same = (parent_and_children(folder)[1][0].data.metrics for folder, _ in (sweep, broken_sweep))
    assert relu == same


def test_failed_jobs_leave_the_others_and_the_exit_code_says_so(broken_sweep):
    folder, done = broken_sweep
    assert done.returncode == 1
    parent, children = parent_and_children(folder)
    assert parent.info.status == "FAILED"
    assert [child.info.status for child in children] == ["FINISHED", "FAILED", "FAILED", "FAILED"]


def test_a_failed_job_keeps_its_traceback_and_its_reason_stands_in_the_table(broken_sweep):
    folder, done = broken_sweep
    _, children = parent_and_children(folder)
    reasons = ("broke while it was built", "broke in training", "broke while it was measured")
    for child, reason in zip(children[1:], reasons, strict=True):
        assert "traceback.txt" in artifacts(folder, child)
        assert reason in child.data.tags["failure"]
        assert reason in done.stdout
    assert "3 of 4 jobs failed" in done.stderr


@pytest.mark.parametrize("launcher", ["basic", "fused", pytest.param("processes", marks=pytest.mark.slow)])
def test_ctrl_c_leaves_killed_runs_and_a_table(tmp_path, launcher):
    waits_for = tmp_path / "multirun" / ("1" if launcher == "fused" else "0") / "checkpoints" / "last.ckpt"
    jobs = ["seed=0,1", "data=digits", "measure=none", "trainer.max_epochs=100000", f"hydra/launcher={launcher}"]
    with running(tmp_path, waits_for, "-m", *jobs) as command:
        command.send(signal.SIGINT)
        ended = command.ended(60)
    assert ended.returncode != 0
    parent, children = parent_and_children(tmp_path)
    assert parent.info.status == "KILLED", ended.stderr
    assert {child.info.status for child in children} == {"KILLED"}
    assert "seed=0" in ended.stdout


def test_a_single_run_is_recorded_without_a_parent(tmp_path):
    done = train(tmp_path, *QUICK, "seed=3")
    assert done.returncode == 0, done.stderr
    [run] = runs(tmp_path)
    assert run.info.status == "FINISHED"
    assert "mlflow.parentRunId" not in run.data.tags
    assert run.data.params["seed"] == "3"


@pytest.mark.parametrize("mode", [[], ["-m"]], ids=["run", "sweep"])
@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("optim.lr=-1", "optim.lr = -1: should be greater than 0"),
        ("optim.lr=fast", "optim.lr = 'fast': should be a valid number"),
        ("depth.hidden_layers=-2", "depth.hidden_layers = -2: should be greater than or equal to 0"),
        ("optim.rate=1", "Key 'rate' is not in struct"),
        ("optim._target_=os.system", "optim._target_ = 'os.system'"),
        ("activation=reluu", "Could not find 'activation/reluu'"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(tmp_path, mode, override, message):
    done = train(tmp_path, *mode, "data=digits", override)
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert left_in(tmp_path) == set()


def test_one_bad_job_keeps_the_whole_sweep_from_starting(tmp_path):
    done = train(tmp_path, "-m", "optim.lr=0.1,-1", "data=digits")
    assert done.returncode != 0
    assert "optim.lr = -1" in done.stderr
    assert left_in(tmp_path) == set()


def test_a_sweep_keeps_to_its_folder(tmp_path):
    done = train(tmp_path, "-m", "seed=0,1", "data=digits", "hydra.sweep.subdir=../../x")
    assert done.returncode != 0
    assert "hydra.sweep.subdir = '../../x' of job 0" in done.stderr
    assert "Traceback" not in done.stderr
    assert left_in(tmp_path) == set()


def test_an_unreachable_server_is_refused_before_training(tmp_path):
    done = train(tmp_path, *QUICK, "tracking.uri=http://127.0.0.1:9")
    assert done.returncode != 0
    assert "tracking.uri = 'http://127.0.0.1:9'" in done.stderr
    assert left_in(tmp_path) == set()


def test_a_data_folder_that_cannot_be_written_is_refused_before_training(tmp_path):
    (tmp_path / "file").touch()
    done = train(tmp_path, "data=mnist", f"data.root={tmp_path}/file/data")
    assert done.returncode != 0
    assert f"{tmp_path}/file/data" in done.stderr
    assert "data.root" in done.stderr
    assert left_in(tmp_path) == {"file"}


def test_a_truncated_file_is_refused_before_training(tmp_path):
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    header = bytes([0, 0, 8, 3]) + b"".join(size.to_bytes(4, "big") for size in (60_000, 28, 28))
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (raw / f"{name}-ubyte").write_bytes(header)
    done = train(tmp_path, "data=mnist", f"data.root={tmp_path}/data")
    assert done.returncode != 0
    assert f"{raw}/train-images-idx3-ubyte is truncated" in done.stderr
    assert "Delete" in done.stderr
    assert "Traceback" not in done.stderr
    assert left_in(tmp_path) == {"data"}


def test_help_imports_nothing_heavy(tmp_path):
    code = (
        "import sys; sys.argv = ['train.py', '--help']\n"
        "import runpy, atexit\n"
        "heavy = {'torch', 'mlflow', 'pytorch_lightning', 'pandas', 'pydantic'}\n"
        "atexit.register(lambda: print('HEAVY', sorted(heavy & set(sys.modules))))\n"
        f"runpy.run_path({str(PROJECT / 'train.py')!r}, run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "HEAVY []" in done.stdout, done.stdout + done.stderr
