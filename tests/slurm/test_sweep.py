"""Real sweeps on a real Slurm, against the same sweeps without it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import slow
from tests.commands import Command, parent_and_children, points, runs
from tests.slurm.conftest import ONE_THREAD

pytestmark = pytest.mark.slurm

QUICK = ["-m", "data=digits", "trainer=cpu", "trainer.max_epochs=1"]
# Of two hidden layers: where a layer is made slow, an epoch lasts twice as long as that takes, or longer.
LONG = [*QUICK, "trainer.max_epochs=32", "measure=none", "trust=[tests]", "activation._target_=tests.slow.InValidation"]
SLURM = "hydra/launcher=slurm"
SECONDS = 900  # a loaded machine is given


def train(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the command to its end."""
    return Command(folder, *arguments, environment=environment).ended(SECONDS)


def until(done: Callable[[], object], command: Command) -> None:
    deadline = time.monotonic() + SECONDS
    while not done():
        assert command.poll() is None, command.ended()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def logs(folder: Path) -> str:
    return "\n".join(log.read_text() for log in sorted((folder / "multirun" / ".slurm").glob("*_log.out")))


def folders(path: Path) -> tuple[Path, Path]:
    alone, there = path / "alone", path / "slurm"
    alone.mkdir()
    there.mkdir()
    return alone, there


def test_a_sweep_fused_on_nodes_ends_with_the_numbers_of_a_local_one_and_each_node_has_its_gpu(tmp_path, environment):
    alone, there = folders(tmp_path)
    jobs = [*QUICK, "activation=relu,tanh", "seed=0,1"]
    assert train(alone, *jobs, **ONE_THREAD).returncode == 0
    told = f"hydra.launcher.setup=['env > {there}/env-$SLURM_ARRAY_TASK_ID']"
    asked = [SLURM, "hydra.launcher.jobs_per_node=2", "hydra.launcher.gpus_per_node=1", told]
    ended = train(there, *jobs, *asked, **environment)
    assert ended.returncode == 0, ended.stderr + logs(there)
    assert "4 jobs: 4 finished" in ended.stdout
    assert points(there) == points(alone)
    assert len({point[1] for point in points(there)}) > 10
    _, children = parent_and_children(there)
    assert {child.data.tags["fused"] for child in children} == {"yes"}
    by_job = [child.data.tags["slurm.job"] for child in children]
    assert by_job[0] == by_job[1] != by_job[2] == by_job[3]  # a node's jobs are one group, in one process
    assert len({child.data.tags["pid"] for child in children}) == 2
    given = [
        line
        for place in (0, 1)
        for line in (there / f"env-{place}").read_text().splitlines()
        if line.startswith("CUDA_VISIBLE_DEVICES=")
    ]
    assert sorted(given) == ["CUDA_VISIBLE_DEVICES=0", "CUDA_VISIBLE_DEVICES=1"]


@pytest.mark.slow
def test_a_requeued_and_timed_out_group_goes_on_in_its_runs_and_ends_with_the_numbers_of_one_left_alone(
    tmp_path, environment, cluster
):
    alone, there = folders(tmp_path)
    jobs = [*LONG, "seed=0,1"]
    assert train(alone, *jobs, **ONE_THREAD).returncode == 0
    # Slurm knows no shorter limit than a minute; where others work, that is too short to import torch in.
    minutes = 1 + int(os.getloadavg()[0] / (os.cpu_count() or 1) / 2)
    limit = [f"hydra.launcher.timeout_min={minutes}", "hydra.launcher.signal_delay_s=5"]
    lasting = {**environment, slow.SECONDS: str(minutes / 2)}  # 64 s a minute, for 32 epochs of two runs of two layers
    command = Command(there, *jobs, SLURM, "hydra.launcher.jobs_per_node=2", *limit, environment=lasting)
    begun = [there / "multirun" / job / "checkpoints" / "last.ckpt" for job in "01"]
    until(lambda: all(checkpoint.exists() for checkpoint in begun), command)
    before = {run.info.run_id for run in runs(there)}
    cluster.requeue(*cluster.active())
    while command.poll() is None:
        cluster.hurry()
        time.sleep(0.5)
    ended = command.ended(SECONDS)
    assert ended.returncode == 0, ended.stderr + logs(there)
    assert "2 jobs: 2 finished" in ended.stdout
    assert "this job is timed-out" in logs(there)
    assert {run.info.run_id for run in runs(there)} == before
    assert all(int(child.data.tags["slurm.start"]) >= 2 for child in parent_and_children(there)[1])
    assert logs(there).count("Goes on from") >= 4
    assert points(there) == points(alone)


def test_jobs_killed_for_good_cost_their_own_only_and_are_run_by_the_same_command_with_resume(
    tmp_path, environment, cluster
):
    jobs = [*LONG, "seed=0,1,2", SLURM]
    command = Command(tmp_path, *jobs, environment={**environment, slow.SECONDS: "0.5"})
    begun = [tmp_path / "multirun" / job / "checkpoints" / "last.ckpt" for job in "01"]
    until(lambda: all(checkpoint.exists() for checkpoint in begun), command)
    dies, cancelled, _ = cluster.active()
    process = next(child for child in parent_and_children(tmp_path)[1] if child.data.tags["job"] == "0")
    os.kill(int(process.data.tags["pid"]), signal.SIGKILL)
    cluster.ask("scancel", cancelled)
    ended = command.ended(SECONDS)
    assert ended.returncode == 1, ended.stderr
    assert "3 jobs: 1 finished, 2 killed" in ended.stdout
    parent, children = parent_and_children(tmp_path)
    assert parent.info.status == "FAILED"
    assert [child.info.status for child in children] == ["KILLED", "KILLED", "FINISHED"]
    for job, child, state in ((dies, children[0], "FAILED"), (cancelled, children[1], "CANCELLED")):
        assert child.data.tags["failure"] == f"its Slurm job {job} ended as {state}"
        assert f"KILLED its Slurm job {job} ended as {state}" in ended.stdout
    again = train(tmp_path, *jobs, "resume=true", **environment)
    assert again.returncode == 0, again.stderr + logs(tmp_path)
    assert "1 of 3 jobs are finished" in again.stdout
    assert logs(tmp_path).count("Goes on from") == 2
    assert len(runs(tmp_path)) == 4
    assert not any("failure" in child.data.tags for child in parent_and_children(tmp_path)[1])


def test_slurm_jobs_outlive_a_killed_sweep_and_their_results_are_taken(tmp_path, environment, cluster):
    jobs = [*QUICK, "measure=none", "seed=0,1", SLURM]
    command = Command(tmp_path, *jobs, environment=environment)
    until(cluster.active, command)
    command.send(signal.SIGKILL)
    command.ended()
    deadline = time.monotonic() + SECONDS
    while cluster.active():
        assert time.monotonic() < deadline
        time.sleep(1)
    again = train(tmp_path, *jobs, "resume=true", **environment)
    assert again.returncode == 0, again.stderr + logs(tmp_path)
    assert "2 of 2 jobs are finished" in again.stdout
    assert {run.info.status for run in runs(tmp_path)} == {"FINISHED"}
    assert len(runs(tmp_path)) == 3


def test_ctrl_c_cancels_the_slurm_jobs_and_their_runs_are_killed(tmp_path, environment, cluster):
    command = Command(tmp_path, *LONG, "seed=0,1", SLURM, environment={**environment, slow.SECONDS: "2"})
    begun = [tmp_path / "multirun" / job / "checkpoints" / "last.ckpt" for job in "01"]
    until(lambda: all(checkpoint.exists() for checkpoint in begun), command)
    command.send(signal.SIGINT)
    ended = command.ended(SECONDS)
    assert ended.returncode == 130, ended.stderr
    assert cluster.active() == []
    assert {run.info.status for run in runs(tmp_path)} == {"KILLED"}
    assert "2 jobs: 2 killed" in ended.stdout
    assert ended.stdout.count("was cancelled: the sweep was interrupted") == 2


def test_a_job_that_fails_is_its_own_failure_and_its_traceback_comes_back(tmp_path, environment):
    quick = [*QUICK, "measure=none", "trust=[tests]", "hydra.launcher.jobs_per_node=2"]
    ended = train(tmp_path, *quick, "activation._target_=torch.nn.ReLU,tests.failing.AtBuild", SLURM, **environment)
    assert ended.returncode == 1, ended.stderr
    _, [finished, failed] = parent_and_children(tmp_path)
    assert (finished.info.status, failed.info.status) == ("FINISHED", "FAILED")
    assert "broke while it was built" in failed.data.tags["failure"]


def test_what_the_cluster_does_not_have_is_refused_before_anything_is_recorded(tmp_path, environment):
    many = train(tmp_path, *QUICK, SLURM, "hydra.launcher.gpus_per_node=3", **environment)
    assert many.returncode == 1
    assert "hydra.launcher.gpus_per_node = 3: no node of partition debug has so many; the most is 2" in many.stderr
    nowhere = train(tmp_path, *QUICK, SLURM, "hydra.launcher.partition=big", **environment)
    assert nowhere.returncode == 1
    assert "hydra.launcher.partition = 'big': there is none. Partitions of this cluster: debug, pair." in nowhere.stderr
    assert not (tmp_path / "multirun").exists()
