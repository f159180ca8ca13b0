"""A sweep's parent run, its record in the folder, and its end."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest

from simplicity_sweep import sweep as sweep_module
from simplicity_sweep.environment import process, started
from simplicity_sweep.processes.ending import write_ending
from simplicity_sweep.recording import recording
from simplicity_sweep.sweep import Sweep, SweepRecord
from simplicity_sweep.tracking import Run, Status, Store, TrackingError
from tests.stores import stored

NO_SUCH_PROCESS = str(2**30)
"""Above every system's highest process id."""

FIGURES = {
    "test/accuracy": 0.97,
    "test/lz76_path": 3.38,
    "test/noise_l2_logits": 0.515,
    "test/flip_rate": 0.0033,
    "test/jacobian_norm_probabilities": 0.069,
    "test/degenerate": 0.0,
}


@pytest.fixture
def sweep(store: Store, tmp_path: Path) -> Sweep:
    return Sweep.open(store, folder=tmp_path / "12-00-00-ab12", overrides=["activation=relu,tanh"])


def job(
    sweep: Sweep,
    number: int,
    overrides: str = "",
    status: Status | None = "FINISHED",
    metrics: Mapping[str, float] = FIGURES,
    **tags: str,
) -> Run:
    """A job's run as a job makes it; without a status it is still under way."""
    record = SweepRecord.read(sweep.folder)
    assert record is not None
    own = {"role": "job", "job": str(number), "overrides": overrides.replace(" ", "\n")}
    run = Run.start(sweep.store, name=str(number), params={}, tags=own | process() | tags, parent=record.parent)
    run.log_metrics(metrics, 0)
    if status is not None:
        run.end(status)
    return run


# The record in the folder


def test_a_sweep_has_a_parent_run_that_says_what_was_asked_for(sweep: Sweep) -> None:
    kept = stored(sweep.run)
    assert kept.info.run_name == "12-00-00-ab12"
    assert kept.info.status == "RUNNING"
    tags = kept.data.tags
    assert (tags["role"], tags["sweep"], tags["overrides"]) == (
        "sweep",
        "12-00-00-ab12",
        "activation=relu,tanh",
    )
    assert tags["folder"] == str(sweep.folder)
    assert {"command", "git.commit", "git.dirty", "host", "pid"} <= set(tags)


def test_a_password_in_the_stores_address_is_not_recorded(
    sweep: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = "https://ann:sesame@example.org/mlflow"
    monkeypatch.setattr("sys.argv", ["train.py", "-m", f"tracking.uri={uri}"])
    served = Store(uri, sweep.store.experiment_id, sweep.store.client)
    secret = Sweep.open(served, folder=tmp_path / "other", overrides=[f"tracking.uri={uri}", "seed=1,2"])
    tags = stored(secret.run).data.tags
    assert "sesame" not in str(tags)
    assert tags["overrides"].splitlines() == ["tracking.uri=https://ann:***@example.org/mlflow", "seed=1,2"]


def test_a_job_finds_its_parent_through_the_folder_and_batches_add_up(sweep: Sweep) -> None:
    sweep.expect(2)
    sweep.expect(3)
    assert SweepRecord.read(sweep.folder) == SweepRecord(sweep.run.id, sweep.store.experiment_id, 5, sweep.started)


def test_the_record_holds_ids_a_count_and_a_time_alone(sweep: Sweep) -> None:
    kept = json.loads((sweep.folder / "sweep.json").read_text())
    assert set(kept) == {"parent", "experiment", "jobs", "started", "numbers"}
    assert kept["numbers"] is None
    assert [path.name for path in sweep.folder.iterdir()] == ["sweep.json"]  # no draft is left


def test_a_folder_without_a_sweep_has_no_record(tmp_path: Path) -> None:
    assert SweepRecord.read(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"parent": "a"}', '{"other": 1}'])
def test_a_record_changed_by_hand_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "sweep.json").write_text(text)
    with pytest.raises(TrackingError, match=r"sweep\.json is not a sweep's record"):
        SweepRecord.read(tmp_path)


# The end


def test_a_sweep_of_finished_jobs_is_finished(sweep: Sweep) -> None:
    sweep.expect(1)
    run = job(sweep, 0, "activation=relu")
    [row] = sweep.close(interrupted=False)
    assert stored(sweep.run).info.status == "FINISHED"
    assert (row.run, row.job, row.setting, row.status) == (run.id, 0, "activation=relu", "FINISHED")
    assert (row.headline, row.complexity, row.sensitivity) == (0.97, 3.38, 0.515)
    assert (row.change_rate, row.jacobian_norm, row.degenerate) == (0.0033, 0.069, False)
    assert row.seconds is not None
    assert row.failure is None


def test_a_sweep_with_a_failed_job_is_failed_and_says_why(sweep: Sweep) -> None:
    sweep.expect(2)
    job(sweep, 0)
    with pytest.raises(ValueError, match="loss"), recording(job(sweep, 1, status=None, metrics={})):
        raise ValueError("loss is nan")
    rows = sweep.close(interrupted=False)
    assert stored(sweep.run).info.status == "FAILED"
    assert [row.status for row in rows] == ["FINISHED", "FAILED"]
    assert rows[1].failure == "ValueError: loss is nan"
    assert rows[1].headline is None


def test_a_job_without_a_run_is_missing_and_what_it_was_asked_for_is_known(sweep: Sweep) -> None:
    sweep.expect(3)
    job(sweep, 0, "activation=relu seed=0")
    (sweep.folder / "1" / ".hydra").mkdir(parents=True)
    (sweep.folder / "1" / ".hydra" / "overrides.yaml").write_text("- activation=tanh\n- seed=0\n")
    rows = sweep.close(interrupted=False)
    assert stored(sweep.run).info.status == "FAILED"
    assert [(row.status, row.setting) for row in rows] == [
        ("FINISHED", "activation=relu"),
        ("MISSING", "activation=tanh"),
        ("MISSING", ""),
    ]


def test_a_setting_is_what_the_jobs_do_not_share(sweep: Sweep) -> None:
    sweep.expect(2)
    job(sweep, 0, "data=digits activation=relu optim.lr=0.1 seed=3")
    job(sweep, 1, "data=digits activation=relu optim.lr=0.01 seed=4")
    rows = sweep.close(interrupted=False)
    assert [row.setting for row in rows] == ["optim.lr=0.1 seed=3", "optim.lr=0.01 seed=4"]


def test_an_interrupted_sweep_and_the_jobs_of_its_process_are_killed(sweep: Sweep) -> None:
    sweep.expect(2)
    job(sweep, 0)
    left = job(sweep, 1, status=None)
    rows = sweep.close(interrupted=True)
    assert stored(sweep.run).info.status == "KILLED"
    assert stored(left).info.status == "KILLED"
    assert [row.status for row in rows] == ["FINISHED", "KILLED"]
    assert rows[1].failure == "the sweep was interrupted"


def test_a_job_of_this_process_that_never_said_how_it_ended_is_killed(sweep: Sweep) -> None:
    sweep.expect(1)
    job(sweep, 0, status=None)
    [row] = sweep.close(interrupted=False)
    assert (row.status, row.failure) == ("KILLED", "its job ended without a word")
    assert stored(sweep.run).info.status == "FAILED"


def test_a_job_whose_process_is_gone_is_killed(sweep: Sweep) -> None:
    sweep.expect(1)
    left = job(sweep, 0, status=None, pid=NO_SUCH_PROCESS)
    [row] = sweep.close(interrupted=False)
    assert stored(left).info.status == row.status == "KILLED"
    assert row.failure == "its process ended without a word"
    assert stored(sweep.run).info.status == "FAILED"


def test_how_a_jobs_process_died_stands_with_its_run_and_in_the_table(sweep: Sweep) -> None:
    sweep.expect(2)
    reason = "its process was killed by SIGKILL (out of memory?)"
    for number in range(2):
        write_ending(sweep.folder / str(number), reason)
    left = job(sweep, 0, status=None, pid=NO_SUCH_PROCESS, folder=str(sweep.folder / "0"))
    rows = sweep.close(interrupted=False)
    assert stored(left).info.status == "KILLED"
    assert stored(left).data.tags["failure"] == reason
    assert [(row.status, row.failure) for row in rows] == [
        ("KILLED", reason),
        ("MISSING", f"no run was recorded: {reason}"),
    ]


def test_why_a_job_was_killed_that_closed_its_run_itself_stands_with_it_and_in_the_table(sweep: Sweep) -> None:
    sweep.expect(2)
    reason = "its Slurm job 7_0 ended as CANCELLED"
    write_ending(sweep.folder / "0", reason)
    told = job(sweep, 0, status="KILLED", folder=str(sweep.folder / "0"))
    job(sweep, 1, status="KILLED", folder=str(sweep.folder / "1"))
    rows = sweep.close(interrupted=False)
    assert stored(told).data.tags["failure"] == reason
    assert [(row.status, row.failure) for row in rows] == [("KILLED", reason), ("KILLED", None)]


def test_a_job_that_still_runs_elsewhere_is_left_alone(sweep: Sweep) -> None:
    sweep.expect(2)
    other_machine = job(sweep, 0, status=None, host="elsewhere", pid=NO_SUCH_PROCESS)
    first = {"pid": "1", "pid.started": started(1)}  # the first process of a system is always there
    other_process = job(sweep, 1, status=None, **first)
    rows = sweep.close(interrupted=True)
    assert [row.status for row in rows] == ["RUNNING", "RUNNING"]
    assert stored(other_machine).info.status == stored(other_process).info.status == "RUNNING"


def test_the_page_of_a_closed_sweep_is_published(sweep: Sweep) -> None:
    sweep.close(interrupted=False)
    tags = sweep.store.client.get_experiment(sweep.store.experiment_id).tags
    assert f"mlflow.sharedViewState.{sweep.run.id}" in tags


@pytest.mark.parametrize(
    ("stop", "status"), [(KeyboardInterrupt(), "KILLED"), (SystemExit(1), "KILLED"), (OSError("x"), "FAILED")]
)
def test_whatever_ends_a_recorded_sweep_it_is_closed_and_reported(
    store: Store,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    stop: BaseException,
    status: str,
) -> None:
    begin = partial(Sweep.open, store, folder=tmp_path, overrides=[])
    with pytest.raises(type(stop)), Sweep.recording(store, tmp_path, begin) as sweep:  # noqa: PT012
        sweep.expect(1)
        raise stop
    assert stored(sweep.run).info.status == status
    printed = capsys.readouterr().out
    assert "1 job: 1 missing" in printed
    assert f"viewStateShareKey={sweep.run.id}" in printed


def test_a_sweep_interrupted_while_it_is_closed_is_closed_as_interrupted(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = []

    def interrupted_once(*_: object) -> None:
        published.append("page")
        if len(published) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(sweep_module, "publish_page", interrupted_once)
    begin = partial(Sweep.open, store, folder=tmp_path, overrides=[])
    with pytest.raises(KeyboardInterrupt), Sweep.recording(store, tmp_path, begin) as sweep:
        pass
    assert stored(sweep.run).info.status == "KILLED"
    assert len(published) == 2


def test_a_sweep_interrupted_while_it_is_begun_is_closed(store: Store, tmp_path: Path) -> None:
    begun = []

    def begin() -> Sweep:
        signal.raise_signal(signal.SIGINT)
        begun.append(Sweep.open(store, folder=tmp_path, overrides=[]))
        return begun[0]

    with pytest.raises(KeyboardInterrupt), Sweep.recording(store, tmp_path, begin):
        raise AssertionError("the jobs are started")
    assert stored(begun[0].run).info.status == "KILLED"


def test_a_store_that_fails_at_the_end_does_not_hide_what_went_wrong_before(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    begin = partial(Sweep.open, store, folder=tmp_path, overrides=[])
    with pytest.raises(KeyboardInterrupt), Sweep.recording(store, tmp_path, begin):  # noqa: PT012
        monkeypatch.setattr(sweep_module, "publish_page", fail)
        raise KeyboardInterrupt
    assert "disk full" in caplog.text
