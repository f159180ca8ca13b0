"""A sweep's parent run, its record in the folder, its end, and the table that is printed of it."""

from __future__ import annotations

import io
import json
import signal
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest
from mlflow.entities import Run as StoredRun
from rich.console import Console

from simplicity_sweep import sweep as sweep_module
from simplicity_sweep.environment import process, started
from simplicity_sweep.identity import config_hash
from simplicity_sweep.processes.ending import write_ending
from simplicity_sweep.recording import recording
from simplicity_sweep.rows import Row, print_rows
from simplicity_sweep.sweep import Sweep, SweepRecord
from simplicity_sweep.tracking import Run, Status, Store, TrackingError
from tests.stores import new_store

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


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """One store for the file: making a schema takes a second or more; every test has a sweep of its own."""
    return new_store(tmp_path_factory.mktemp("store"))


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


def stored(run: Run) -> StoredRun:
    return run.store.client.get_run(run.id)


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


# The hash


def test_the_hash_is_that_of_the_canonical_text() -> None:
    # printf '{"a":{"b":0.1},"seed":0}' | sha256sum | cut -c1-12
    assert config_hash({"seed": 0, "a": {"b": 0.1}}) == "44f76d1e6534"


def test_any_other_value_has_another_hash() -> None:
    assert config_hash({"seed": 0}) != config_hash({"seed": 1})
    assert config_hash({"sizes": [128, 64]}) != config_hash({"sizes": [64, 128]})


# The table


def printed(rows: list[Row], width: int) -> list[str]:
    text = io.StringIO()
    print_rows(rows, Console(file=text, width=width))
    return text.getvalue().splitlines()


def finished(number: int, accuracy: float | None, **more: object) -> Row:
    return Row(job=number, setting=f"seed={number}", status="FINISHED", headline=accuracy, **more)  # type: ignore[arg-type]


def order(lines: list[str]) -> list[str]:
    """The settings in the order of their lines."""
    return [word for line in lines for word in line.split() if word.startswith("seed=")]


def test_the_best_accuracy_comes_first_and_what_has_none_last() -> None:
    rows = [
        Row(job=0, setting="seed=0", status="FAILED", failure="ValueError: loss is nan"),
        finished(1, 0.5),
        finished(2, None),
        finished(3, 0.9),
        finished(4, float("nan")),
        Row(job=5, setting="seed=5", status="MISSING", failure="no run was recorded"),
    ]
    lines = printed(rows, 100)
    assert order(lines) == ["seed=3", "seed=1", "seed=2", "seed=4", "seed=0", "seed=5"]
    text = " ".join(" ".join(lines).split())
    assert "FAILED ValueError: loss is nan" in text
    assert "MISSING no run was recorded" in text
    assert "6 jobs: 4 finished, 1 failed, 1 missing" in text


def test_what_is_missing_is_a_dash_and_what_is_undefined_nan() -> None:
    [line] = [line for line in printed([finished(1, 0.5, sensitivity=float("nan"))], 80) if "seed=1" in line]
    assert line.split() == ["1", "seed=1", "0.5000", "–", "nan", "–"]


def test_a_degenerate_network_is_flagged() -> None:
    assert any("degenerate" in line for line in printed([finished(1, 0.1, degenerate=True)], 80))


def test_jobs_on_several_data_sets_are_said_to_be() -> None:
    same, other = ([finished(1, 0.5, data="aaaa"), finished(2, 0.5, data=data)] for data in ("aaaa", "bbbb"))
    assert "data sets" not in " ".join(printed([*same, finished(3, None)], 80))
    assert "They are on 2 data sets" in " ".join(printed(other, 80))


@pytest.mark.parametrize("width", [80, 120, 160])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    setting = "activation=leaky_relu activation.negative_slope=0.2 depth=very_deep optim.lr=0.001 seed=3"
    row = Row(job=699, setting=setting, status="FINISHED", run="0" * 32, headline=0.97, complexity=3.38)
    broken = Row(job=700, setting=setting, status="FAILED", failure="RuntimeError: " + "x" * 300)
    lines = printed([row, broken], width)
    assert max(map(len, lines)) <= width
    words = " ".join(lines).split()
    assert {word: words.count(word) for word in setting.split()} == dict.fromkeys(setting.split(), 2)


def test_a_wide_terminal_shows_more_measurements() -> None:
    narrow, wide = (" ".join(printed([finished(1, 0.5)], width)) for width in (119, 120))
    assert "flip_rate" not in narrow
    assert "flip_rate" in wide
    assert "jacobian_norm_probabilities" in wide
    assert "FINISHED" in wide


def test_of_a_long_sweep_the_best_and_the_first_failures_are_shown() -> None:
    rows = [finished(number, number / 1000) for number in range(100)]
    rows += [Row(job=number, setting=f"seed={number}", status="FAILED") for number in range(100, 150)]
    lines = printed(rows, 80)
    expected = [*range(99, 59, -1), *range(100, 120)]
    assert order(lines) == [f"seed={number}" for number in expected]
    assert "150 jobs: 100 finished, 50 failed (90 of them not shown)" in lines[-1]
