"""A real sweep in processes, one of which is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pytest

from tests.test_cli import command_and_environment, parent_and_children


@pytest.mark.slow
def test_a_killed_process_leaves_one_killed_run_that_says_why_and_the_rest_is_finished(tmp_path):
    command, environment = command_and_environment(
        tmp_path, "-m", "data=digits", "trainer=cpu", "measure=none", "trainer.max_epochs=100000,1",
        "hydra/launcher=processes", "hydra.launcher.jobs=2",
    )  # fmt: skip
    began = tmp_path / "multirun" / "0" / "checkpoints" / "last.ckpt"
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as sweep:
        for _ in range(2400):
            if began.exists() or sweep.poll() is not None:
                break
            time.sleep(0.1)
        _, children = parent_and_children(tmp_path)
        os.kill(int(children[0].data.tags["pid"]), signal.SIGKILL)
        shown, errors = sweep.communicate(timeout=240)
    assert sweep.returncode == 1, errors
    parent, [killed, finished] = parent_and_children(tmp_path)
    assert (parent.info.status, killed.info.status, finished.info.status) == ("FAILED", "KILLED", "FINISHED")
    assert killed.data.tags["failure"] == "its process was killed by SIGKILL (out of memory?)"
    assert "killed by SIGKILL" in shown
    assert f"{tmp_path}/multirun/0/process.log" in shown
    assert killed.data.tags["pid"] != finished.data.tags["pid"]
