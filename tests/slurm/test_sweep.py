"""Real sweeps on a real Slurm, against the same sweeps without it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.commands import Command, parent_and_children, points, runs
from tests.slurm.cluster import Cluster

pytestmark = pytest.mark.slurm

QUICK = ["-m", "data=digits", "trainer=cpu", "trainer.max_epochs=1"]
LONG = ["-m", "data=digits", "trainer=cpu", "trainer.max_epochs=150", "measure=none", "seed=0,1"]
SLURM = "hydra/launcher=slurm"
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
SECONDS = 900  # a loaded machine is given


@pytest.fixture
def environment(cluster: Cluster) -> Iterator[dict[str, str]]:
    """For the command; what a test has left in the queue is gone before the next one."""
    yield {**cluster.environment, **ONE_THREAD}
    cluster.clear()


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
    assert len({child.data.tags["slurm.job"] for child in children}) == 2
    given = [
        line
        for place in (0, 1)
        for line in (there / f"env-{place}").read_text().splitlines()
        if line.startswith("CUDA_VISIBLE_DEVICES=")
    ]
    assert sorted(given) == ["CUDA_VISIBLE_DEVICES=0", "CUDA_VISIBLE_DEVICES=1"]


def test_requeued_and_timed_out_jobs_go_on_in_their_runs_and_end_with_the_numbers_of_jobs_left_alone(
    tmp_path, environment, cluster
):
    alone, there = folders(tmp_path)
    assert train(alone, *LONG, **ONE_THREAD).returncode == 0
    command = Command(there, *LONG, SLURM, environment=environment)
    begun = [there / "multirun" / job / "checkpoints" / "last.ckpt" for job in "01"]
    until(lambda: all(checkpoint.exists() for checkpoint in begun), command)
    first, second = cluster.active()
    before = {run.info.run_id for run in runs(there)}
    cluster.ask("scancel", "--signal=USR2", second)  # what Slurm sends before a job's time is up
    cluster.requeue(first)
    cluster.hurry(second)
    ended = command.ended(SECONDS)
    assert ended.returncode == 0, ended.stderr + logs(there)
    assert "2 jobs: 2 finished" in ended.stdout
    assert logs(there).count("Goes on from") == 2
    assert {run.info.run_id for run in runs(there)} == before
    assert {child.data.tags["slurm.start"] for child in parent_and_children(there)[1]} == {"1"}
    assert points(there) == points(alone)


def test_a_killed_job_costs_its_own_only_and_is_run_by_the_same_command_with_resume(tmp_path, environment, cluster):
    command = Command(tmp_path, *LONG, SLURM, environment=environment)
    checkpoint = tmp_path / "multirun" / "0" / "checkpoints" / "last.ckpt"
    until(checkpoint.exists, command)
    _, children = parent_and_children(tmp_path)
    os.kill(int(children[0].data.tags["pid"]), signal.SIGKILL)
    ended = command.ended(SECONDS)
    assert ended.returncode == 1, ended.stderr
    parent, [killed, finished] = parent_and_children(tmp_path)
    assert (parent.info.status, killed.info.status, finished.info.status) == ("FAILED", "KILLED", "FINISHED")
    assert killed.data.tags["failure"].endswith("ended as FAILED")
    again = train(tmp_path, *LONG, SLURM, "resume=true", **environment)
    assert again.returncode == 0, again.stderr + logs(tmp_path)
    assert "1 of 2 jobs are finished" in again.stdout
    assert "Goes on from" in logs(tmp_path)
    assert len(runs(tmp_path)) == 3


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
    command = Command(tmp_path, *LONG, "trainer.max_epochs=100000", SLURM, environment=environment)
    begun = [tmp_path / "multirun" / job / "checkpoints" / "last.ckpt" for job in "01"]
    until(lambda: all(checkpoint.exists() for checkpoint in begun), command)
    command.send(signal.SIGINT)
    ended = command.ended(SECONDS)
    assert ended.returncode == 130, ended.stderr
    assert cluster.active() == []
    assert {run.info.status for run in runs(tmp_path)} == {"KILLED"}
    assert "2 jobs: 2 killed" in ended.stdout


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
    assert "hydra.launcher.partition = 'big': there is none. Partitions of this cluster: debug." in nowhere.stderr
    assert not (tmp_path / "multirun").exists()
