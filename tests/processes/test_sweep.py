"""A real sweep in processes, one of which is killed."""

from __future__ import annotations

import os
import signal

import pytest

from tests.commands import parent_and_children, running


@pytest.mark.slow
def test_a_killed_process_leaves_one_killed_run_that_says_why_and_the_rest_is_finished(tmp_path):
    began = tmp_path / "multirun" / "0" / "checkpoints" / "last.ckpt"
    with running(
        tmp_path, began, "-m", "data=digits", "trainer=cpu", "measure=none", "trainer.max_epochs=100000,1",
        "hydra/launcher=processes", "hydra.launcher.jobs=2",
    ) as sweep:  # fmt: skip
        _, children = parent_and_children(tmp_path)
        os.kill(int(children[0].data.tags["pid"]), signal.SIGKILL)
        ended = sweep.ended(240)
    assert ended.returncode == 1, ended.stderr
    parent, [killed, finished] = parent_and_children(tmp_path)
    assert (parent.info.status, killed.info.status, finished.info.status) == ("FAILED", "KILLED", "FINISHED")
    assert killed.data.tags["failure"] == "its process was killed by SIGKILL (out of memory?)"
    assert "killed by SIGKILL" in ended.stdout
    assert f"{tmp_path}/multirun/0/process.log" in ended.stdout
    assert killed.data.tags["pid"] != finished.data.tags["pid"]
