"""Who is dead: told by the system on this machine, by silence on another one."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from simplicity_sweep import heartbeat
from simplicity_sweep.config import ConfigError
from simplicity_sweep.environment import process, started
from simplicity_sweep.heartbeat import HEARTBEAT, beating, is_dead
from simplicity_sweep.sweep import tidy
from simplicity_sweep.sweep.__main__ import main
from simplicity_sweep.sweep.tidy import close_dead, wait_for_left_behind
from simplicity_sweep.tracking import Run
from tests.stores import new_store

NO_SUCH_PROCESS = {**process(), "pid": str(2**30), "pid.started": ""}


@pytest.fixture
def store(tmp_path):
    return new_store(tmp_path)


def test_this_process_lives():
    assert not is_dead(process())


def test_a_process_that_ended_is_dead():
    with subprocess.Popen([sys.executable, "-c", ""]) as other:
        other.wait()
        assert is_dead({**process(), "pid": str(other.pid)})


@pytest.mark.skipif(not process()["pid.started"], reason="this system doesn't say when a process was started")
def test_a_process_with_the_number_of_a_dead_one_is_not_that_one():
    assert is_dead({**process(), "pid.started": "1"})


def test_a_process_elsewhere_is_dead_after_a_quarter_of_an_hour_of_silence():
    tags = {**process(), "host": "elsewhere", HEARTBEAT: "100000"}
    assert not is_dead(tags, now=100000 + 899)
    assert is_dead(tags, now=100000 + 901)


def test_a_run_that_never_had_a_heartbeat_is_not_called_dead():
    assert not is_dead({**process(), "host": "elsewhere"})
    assert not is_dead({})


def test_a_run_is_tagged_as_long_as_it_is_under_way(store, monkeypatch):
    monkeypatch.setattr(heartbeat, "BEAT_SECONDS", 0.01)
    run = Run.start(store, name="a", params={}, tags=process())
    before = int(time.time())
    with beating(run):
        for _ in range(1000):
            if HEARTBEAT in store.client.get_run(run.id).data.tags:
                break
            time.sleep(0.01)
    assert int(store.client.get_run(run.id).data.tags[HEARTBEAT]) >= before


def test_only_the_runs_of_the_dead_are_closed(store, capsys):
    dead = Run.start(store, name="dead", params={}, tags=NO_SUCH_PROCESS)
    living = Run.start(store, name="living", params={}, tags=process())
    failed = Run.start(store, name="failed", params={}, tags=NO_SUCH_PROCESS)
    failed.end("FAILED")
    assert close_dead(store) == [dead.id]
    states = {run.id: store.client.get_run(run.id) for run in (dead, living, failed)}
    assert [run.info.status for run in states.values()] == ["KILLED", "RUNNING", "FAILED"]
    assert states[dead.id].data.tags["failure"] == "its process ended without a word"
    assert main(["tidy", "--uri", store.uri, "--experiment", "tests"]) == 0
    assert "0 closed as KILLED, 1 still under way" in capsys.readouterr().out


def test_a_sweep_goes_on_once_the_jobs_of_the_one_before_have_ended(store):
    parent = Run.start(store, name="sweep", params={}, tags=NO_SUCH_PROCESS)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as job:
        own = {"host": process()["host"], "pid": str(job.pid), "pid.started": started(job.pid)}
        Run.start(store, name="job", params={}, tags={"job": "0", **own}, parent=parent.id)
        ending = threading.Timer(0.5, job.communicate)
        ending.start()
        wait_for_left_behind(store, parent.id)
        assert job.poll() is not None
        ending.join()


@pytest.mark.parametrize("host", [process()["host"], "elsewhere"])
def test_a_sweep_does_not_go_on_beside_a_job_that_does(store, monkeypatch, host):
    monkeypatch.setattr(tidy, "_LEFT_BEHIND_SECONDS", 0.1)
    parent = Run.start(store, name="sweep", params={}, tags=NO_SUCH_PROCESS)
    own = {"job": "3", **process(), "host": host}
    Run.start(store, name="job", params={}, tags=own, parent=parent.id)
    with pytest.raises(ConfigError, match=f"job 3 of that sweep is still under way, in process .* on {host}"):
        wait_for_left_behind(store, parent.id)


def test_an_earlier_start_of_this_slurm_job_is_dead_wherever_it_ran(monkeypatch):
    monkeypatch.setenv("SLURM_CLUSTER_NAME", "one")
    monkeypatch.setenv("SLURM_JOB_ID", "12")
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    now = str(int(time.time()))
    elsewhere = {"host": "elsewhere", "pid": "1", "heartbeat": now, "slurm.job": "one/12"}
    assert is_dead({**elsewhere, "slurm.start": "0"})
    assert not is_dead({**elsewhere, "slurm.start": "1"})
    assert not is_dead({**elsewhere, "slurm.job": "two/12", "slurm.start": "0"})
