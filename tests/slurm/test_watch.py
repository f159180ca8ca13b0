"""What is said of Slurm jobs that ended without a word; Slurm's answers are written by hand."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace

import pytest
from hydra.core.utils import JobReturn, JobStatus

from simplicity_sweep.processes.ending import JobProcessError, read_ending
from simplicity_sweep.processes.progress import JobsProgress
from simplicity_sweep.slurm import watch
from simplicity_sweep.slurm.watch import Sent, Watch


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_LOOK_SECONDS", "_ASK_SECONDS", "_LATE_SECONDS"):
        monkeypatch.setattr(watch, name, 0.0)


def returned(folder: Path, state: str, monkeypatch: pytest.MonkeyPatch, before: str = "") -> JobReturn:
    """What becomes of job 0 when Slurm answers so of its Slurm job 7_0, once the line `before` lets it."""
    squeue = folder / "squeue"
    squeue.write_text(f"#!/bin/sh\n{before}\necho 7_0 {state}\n")
    squeue.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    names = ("result_pickle", "submitted_pickle", "stdout")
    paths = SimpleNamespace(folder=folder, **{name: folder / name for name in names})
    sent = Sent(SimpleNamespace(job_id="7_0", paths=paths), 0, [["seed=0"]], [folder / "0"])
    with JobsProgress(1) as progress:
        return Watch([sent], progress).run()[0]


def test_nodes_that_do_not_see_the_folder_are_suspected_where_a_job_wrote_nothing(tmp_path, monkeypatch):
    job = returned(tmp_path, "FAILED", monkeypatch)
    assert job.status is JobStatus.FAILED
    with pytest.raises(JobProcessError, match=r"^its Slurm job 7_0 ended as FAILED; it wrote nothing: do the nodes"):
        job.return_value  # noqa: B018


@pytest.mark.parametrize("state", ["CANCELLED", "OUT_OF_MEMORY", "NODE_FAIL"])
def test_how_a_job_ended_that_wrote_something_is_kept_in_its_folder(tmp_path, monkeypatch, state):
    (tmp_path / "stdout").touch()
    assert returned(tmp_path, state, monkeypatch).status is JobStatus.FAILED
    assert read_ending(tmp_path / "0") == f"its Slurm job 7_0 ended as {state}"


def test_a_slurm_that_does_not_answer_is_waited_for_and_that_is_said_once(tmp_path, monkeypatch, caplog):
    twice = f"echo >> {tmp_path}/asked; [ $(wc -l < {tmp_path}/asked) -gt 2 ] || exit 1"
    with caplog.at_level(logging.INFO):
        assert returned(tmp_path, "FAILED", monkeypatch, twice).status is JobStatus.FAILED
    assert [message for message in caplog.messages if message.startswith("Slurm does not answer")] == [
        "Slurm does not answer. Its jobs may go on; the sweep waits until it does."
    ]
