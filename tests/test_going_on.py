"""The real command, killed and given again."""

from __future__ import annotations

import signal
import time
from functools import partial
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.commands import Command, parent_and_children, points, runs, train

LONG = ["data=digits", "trainer=cpu", "trainer.max_epochs=60", "measure=none", "activation=relu,tanh"]
HEARD_SECONDS = 5

SOMETIMES = """
import os, torch
from torch import nn

class Sometimes(nn.ReLU):
    def __init__(self):
        super().__init__()
        if "BREAK" in os.environ and torch.is_grad_enabled(): raise RuntimeError("asked to")
"""


def stopped(folder: Path, number: signal.Signals, *arguments: str) -> int:
    """Runs the command, sends it a signal once every job has written a checkpoint since; its exit code."""
    before = time.time()
    jobs = [folder / "multirun" / str(job) / "checkpoints" / "last.ckpt" for job in (0, 1)]
    command = Command(folder, *arguments)
    while command.poll() is None and not all(job.is_file() and job.stat().st_mtime > before for job in jobs):
        time.sleep(0.01)
    command.send(number)
    return command.ended(HEARD_SECONDS).returncode


def test_a_sweep_that_was_killed_and_terminated_ends_as_one_left_alone(tmp_path):
    alone, cut = tmp_path / "alone", tmp_path / "cut"
    alone.mkdir()
    cut.mkdir()
    assert train(alone, "-m", *LONG).returncode == 0
    assert stopped(cut, signal.SIGKILL, "-m", *LONG) == -signal.SIGKILL
    assert {run.info.status for run in runs(cut)} == {"RUNNING"}
    assert stopped(cut, signal.SIGTERM, "-m", *LONG, "resume=true") == 128 + signal.SIGTERM
    assert {run.info.status for run in runs(cut)} == {"KILLED"}
    again = train(cut, "-m", *LONG, "resume=true")
    assert again.returncode == 0, again.stderr
    parent, children = parent_and_children(cut)
    assert len(runs(cut)) == 3
    assert [run.info.status for run in (parent, *children)] == ["FINISHED"] * 3
    assert points(cut) == points(alone)
    assert len(points(alone)) == 2 * (60 * 3 + 2)  # train/loss, val/loss, val/accuracy; test/loss, test/accuracy
    done = train(cut, "-m", *LONG, "resume=true")
    assert done.returncode == 0
    assert "2 of 2 jobs are finished" in done.stdout
    assert len(runs(cut)) == 3


def test_only_what_failed_is_run_again_in_its_own_place(tmp_path):
    quick = ["data=digits", "trainer=cpu", "trainer.max_epochs=1", "measure=none"]
    (tmp_path / "sometimes.py").write_text(SOMETIMES)
    jobs = [*quick, "activation._target_=torch.nn.ReLU,sometimes.Sometimes,torch.nn.Tanh", "trust=[sometimes]"]
    run = partial(train, tmp_path, "-m", *jobs, PYTHONPATH=str(tmp_path))
    broken = run(BREAK="1")
    assert broken.returncode == 1
    assert "RuntimeError: asked to (sometimes.py:8)" in " ".join(broken.stdout.split())
    before = {run.info.run_id: run.info.start_time for run in runs(tmp_path)}
    mended = run("resume=true")
    assert mended.returncode == 0, mended.stderr
    assert "2 of 3 jobs are finished" in mended.stdout
    parent, children = parent_and_children(tmp_path)
    assert {run.info.run_id: run.info.start_time for run in (parent, *children)} == before
    assert [child.data.tags["job"] for child in children] == ["0", "1", "2"]
    assert [run.info.status for run in (parent, *children)] == ["FINISHED"] * 4
    assert "failure" not in children[1].data.tags
    assert Path(children[1].data.tags["folder"]).name == "1"


def test_a_folder_that_holds_a_sweep_is_not_written_over(tmp_path):
    quick = ["data=digits", "trainer=debug", "measure=none", "seed=0,1"]
    assert train(tmp_path, "-m", *quick).returncode == 0
    second = train(tmp_path, "-m", *quick)
    assert second.returncode == 1
    assert "there is a sweep in it already. Go on with it by resume=true" in second.stderr
    assert len(runs(tmp_path)) == 3


def test_a_run_that_diverges_is_a_result(tmp_path):
    jobs = ["data=digits", "trainer=cpu", "trainer.max_epochs=50", "optim=sgd", "optim.lr=0.1,1e30"]
    ended = train(tmp_path, "-m", *jobs)
    assert ended.returncode == 0, ended.stderr
    assert "diverged: train/loss is nan since epoch 0" in " ".join(ended.stdout.split())
    _, [good, diverged] = parent_and_children(tmp_path)
    assert (good.info.status, diverged.info.status) == ("FINISHED", "FINISHED")
    assert "diverged" not in good.data.tags
    assert diverged.data.tags["diverged"].startswith("train/loss is nan since epoch 0")
    assert diverged.data.metrics["test/degenerate"] == 1
    trained = [point for point in points(tmp_path) if point[1] == "train/loss"]
    assert [sum(point[0] == job for point in trained) for job in ("0", "1")] == [50, 1]


@pytest.mark.parametrize("launcher", ["fused", "basic"])
def test_a_failure_ends_the_sweep_where_that_is_asked(tmp_path, launcher):
    jobs = ["data=digits", "trainer=cpu", "trainer.max_epochs=100000", "measure=none"]
    targets = "activation._target_=tests.failing.AtBuild,torch.nn.ReLU"
    jobs += ["trust=[tests]"]
    ended = train(tmp_path, "-m", *jobs, targets, "on_error=stop", f"hydra/launcher={launcher}")
    assert ended.returncode == 1, ended.stderr
    parent, children = parent_and_children(tmp_path)
    assert parent.info.status == "FAILED"
    assert children[0].info.status == "FAILED"
    assert [child.info.status for child in children[1:]] in ([], ["KILLED"])


def test_a_run_that_was_cut_off_between_training_and_test_is_tested_as_it_is(tmp_path):
    quick = ["data=digits", "trainer=cpu", "trainer.max_epochs=5", "optim=sgd"]
    jobs = ["-m", *quick, "optim.lr=0.1,1e30"]
    assert train(tmp_path, *jobs).returncode == 0
    whole = points(tmp_path)
    parent, children = parent_and_children(tmp_path)
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    for run in (parent, *children):
        client.set_terminated(run.info.run_id, "KILLED")  # as if there had been no time for the test
    ids = [Path(child.data.tags["folder"], "mlflow_run_id") for child in children]
    ids[0].unlink()  # as if it had been killed at its very beginning
    ids[1].write_text("")  # as a loss of power may leave it
    again = train(tmp_path, *jobs, "resume=true")
    assert again.returncode == 0, again.stderr
    assert "0 of 2 jobs are finished" in again.stdout
    assert "before the run was cut off" not in again.stdout
    assert points(tmp_path) == whole
    assert {run.info.run_id for run in runs(tmp_path)} == {run.info.run_id for run in (parent, *children)}
    parent, children = parent_and_children(tmp_path)
    assert [run.info.status for run in (parent, *children)] == ["FINISHED"] * 3
    assert [run.data.tags.get("diverged") for run in children] == [None, "train/loss is nan since epoch 0"]


def test_a_single_run_that_is_finished_is_not_run_again(tmp_path):
    quick = ["data=digits", "trainer=debug", "measure=none"]
    assert train(tmp_path, *quick, f"hydra.run.dir={tmp_path}/one").returncode == 0
    again = train(tmp_path, *quick, "resume=true", f"hydra.run.dir={tmp_path}/two")
    assert again.returncode == 0, again.stderr
    assert "is finished already" in again.stdout
    [run] = runs(tmp_path)
    other = train(tmp_path, *quick, "seed=7", f"resume={run.info.run_id}", f"hydra.run.dir={tmp_path}/three")
    assert other.returncode == 1
    assert "that run has another configuration" in other.stderr
    unknown = train(tmp_path, *quick, "resume=nowhere", f"hydra.run.dir={tmp_path}/four")
    assert unknown.returncode == 1
    assert "resume = 'nowhere': no such run" in unknown.stderr
    assert len(runs(tmp_path)) == 1
