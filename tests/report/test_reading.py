"""What the report reads is what was recorded, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from simplicity_sweep import artifacts
from simplicity_sweep.recorded import find_sweep
from simplicity_sweep.report.decision.choice import decide
from simplicity_sweep.report.decision.requirements import parse
from simplicity_sweep.report.reading import read_results
from simplicity_sweep.report.results import ReportError, Results
from simplicity_sweep.store import Store
from simplicity_sweep.sweep import Sweep
from simplicity_sweep.tracking import Run, Status
from tests.report.stored import job, opened
from tests.stores import new_store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return new_store(tmp_path)


def read(*sweeps: Sweep, base: str | None = None, status: Status | None = "FINISHED") -> Results:
    for sweep in sweeps:
        if status is not None:
            sweep.run.end(status)
    store = sweeps[0].store
    return read_results(store, [find_sweep(store, sweep.run.id) for sweep in sweeps], base)


def test_a_setting_is_called_by_its_name_and_the_base_comes_first(store: Store, tmp_path: Path) -> None:
    sweep = opened(store, tmp_path, 4)
    for number, (setting, seed) in enumerate([("tanh", 0), ("tanh", 1), ("base", 0), ("base", 1)]):
        job(sweep, number, f"experiment=guan2024 setting={setting} seed={seed}", seed, 0.9 + number / 100)
    results = read(sweep)
    assert results.settings == ["base", "tanh"]
    assert results.seeds == [0, 1]
    assert results.values("tanh", "test/accuracy") == pytest.approx({0: 0.90, 1: 0.91})
    assert results.values("base", "null/lz76_path/initial") == {0: 2.7, 1: 2.7}
    assert results.absent == []
    assert results.notes == ()


def test_without_named_settings_what_varies_is_the_setting_and_the_first_is_the_base(
    store: Store, tmp_path: Path
) -> None:
    sweep = opened(store, tmp_path, 2)
    job(sweep, 0, "data=mnist activation=tanh optim.lr=0.1 seed=0")
    job(sweep, 1, "data=mnist activation=relu optim.lr=0.1 seed=0")
    assert read(sweep).settings == ["activation=tanh", "activation=relu"]
    assert read(sweep, base="activation=relu").settings == ["activation=relu", "activation=tanh"]
    with pytest.raises(ReportError, match=r"--base relu: no such setting.*activation=tanh, activation=relu"):
        read(sweep, base="relu")


def test_curves_reasons_and_parameters_come_along(store: Store, tmp_path: Path) -> None:
    sweep = opened(store, tmp_path, 1)
    job(sweep, 0, "seed=0", activation="relu")
    [found] = read(sweep).jobs
    assert found.setting == "default"
    assert found.curves["val/lz76_path"] == [(0, 2.0), (1, 3.0)]
    assert found.curves["train/loss"] == [(0, 1.0), (1, 0.5)]
    assert found.undefined == {"test/noise_relative": "the outputs are constant"}
    assert found.params["activation"] == "relu"


def test_the_paths_are_those_of_each_settings_lowest_seed(store: Store, tmp_path: Path) -> None:
    sweep = opened(store, tmp_path, 2)
    for number, seed in enumerate([1, 0]):
        run = job(sweep, number, f"setting=base seed={seed}", seed)
        run.log_texts({artifacts.PATHS: json.dumps([{"start": 3, "end": 8, "labels": [3, seed, 8]}])})
    [path] = read(sweep).paths["base"]
    assert (path.start, path.end, path.labels) == (3, 8, [3, 0, 8])


def test_what_failed_and_what_is_missing_is_listed(store: Store, tmp_path: Path) -> None:
    sweep = opened(store, tmp_path, 6)
    job(sweep, 0, "setting=base seed=0", 0)
    job(sweep, 1, "setting=base seed=1", 1)
    job(sweep, 2, "setting=tanh seed=0", 0, status="FAILED").set_tags({"failure": "ValueError: no"})
    results = read(sweep, status="KILLED")
    assert results.absent == [(("tanh", 0), "failed: ValueError: no"), (("tanh", 1), "no run was recorded")]
    assert results.notes == (
        "3 of 6 jobs of 12-00-00-ab12 were never recorded.",
        "12-00-00-ab12 was interrupted.",
    )


def test_a_sweep_that_runs_still_says_so(store: Store, tmp_path: Path) -> None:
    sweep = opened(store, tmp_path, 3)
    job(sweep, 0, "setting=base seed=0", 0)
    job(sweep, 1, "setting=tanh seed=0", 0, status=None)
    results = read(sweep, status=None)
    assert results.notes == ("12-00-00-ab12 is still running: 1 of 3 jobs have ended.",)
    assert results.absent == [(("tanh", 0), "running")]


def test_of_a_cell_that_ran_twice_the_last_finished_run_counts(store: Store, tmp_path: Path) -> None:
    first, second = (opened(store, tmp_path, 2, name) for name in ("first", "second"))
    job(first, 0, "setting=base seed=0", accuracy=0.1)
    job(first, 1, "setting=tanh seed=0", accuracy=0.2)
    job(second, 0, "setting=base seed=0", accuracy=0.3)
    job(second, 1, "setting=tanh seed=0", status="FAILED")
    results = read(first, second)
    assert results.name == "first + second"
    assert results.values("base", "test/accuracy") == {0: 0.3}
    assert results.values("tanh", "test/accuracy") == {0: 0.2}
    assert results.notes == ("2 runs were superseded by later ones of the same setting and seed.",)


def test_sweeps_of_different_data_are_not_merged(store: Store, tmp_path: Path) -> None:
    first, second = (opened(store, tmp_path, 1, name) for name in ("first", "second"))
    job(first, 0, "setting=base seed=0")
    job(second, 0, "setting=base data=digits seed=0", data="digits")
    with pytest.raises(ReportError, match=r"differ in their data \(first: mnist.*; second: digits"):
        read(first, second)


def test_a_sweep_without_a_job_has_no_report(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="no recorded job"):
        read(opened(store, tmp_path, 2))


def test_the_report_says_on_what_and_how_it_was_measured(store: Store, tmp_path: Path) -> None:
    sweep = opened(store, tmp_path, 1)
    run = job(sweep, 0, "setting=base seed=0")
    run.log_texts({artifacts.ENVIRONMENT: "python: 3.11.7\nversions: {torch: 2.14.1}\nmachine: {cpu: AMD EPYC}\n"})
    about = read(sweep).about
    assert (about["data"], about["epochs"], about["layers"]) == ("mnist", "3", "128-64")
    assert (about["versions"], about["machine"]) == ("torch 2.14.1", "AMD EPYC")


def test_data_of_ones_own_are_called_by_their_file_or_class(store: Store, tmp_path: Path) -> None:
    sweep = opened(store, tmp_path, 2)
    job(sweep, 0, "data=table seed=0", 0, **{"data": "table", "data.path": "/somewhere/lots.csv"})
    job(sweep, 1, "data=module seed=1", 1, **{"data": "module", "data.module": "my_package.MyData"})
    assert read(sweep).about["data"] == "table (lots.csv), module (my_package.MyData)"


def on(run: Run, fingerprint: str) -> None:
    run.set_tags({"data.fingerprint": fingerprint})


def test_sweeps_over_one_name_whose_tensors_differ_are_not_merged(store: Store, tmp_path: Path) -> None:
    first, second = (opened(store, tmp_path, 1, name) for name in ("first", "second"))
    on(job(first, 0, "setting=base seed=0"), "aaaa00000000")
    on(job(second, 0, "setting=base seed=1", 1), "bbbb00000000")
    with pytest.raises(ReportError, match=r"first: mnist.*fingerprint aaaa00000000; second: mnist.*fingerprint bbbb"):
        read(first, second)


def test_runs_of_a_setting_on_changed_data_are_no_replicates(store: Store, tmp_path: Path) -> None:
    sweep = opened(store, tmp_path, 4)
    cells = [("base", 0, "aaaa"), ("base", 1, "bbbb"), ("tanh", 0, "aaaa"), ("tanh", 1, "aaaa")]
    for number, (setting, seed, fingerprint) in enumerate(cells):
        on(job(sweep, number, f"setting={setting} seed={seed}", seed, 0.1 * number), fingerprint)
    results = read(sweep)
    assert results.settings == ["base data.fingerprint=aaaa", "base data.fingerprint=bbbb", "tanh"]
    assert results.values("base data.fingerprint=aaaa", "test/accuracy") == {0: 0.0}
    assert results.values("base data.fingerprint=bbbb", "test/accuracy") == pytest.approx({1: 0.1})
    [note] = results.notes
    assert "on 2 data sets, whose fingerprints differ (aaaa, bbbb)" in note
    assert results.about["data's fingerprint"] == "aaaa, bbbb"
    [said] = [note for note in decide(results, parse(["accuracy >= 0"], [])).notes if "data sets" in note]
    assert "trained on 2 data sets" in said


def test_runs_on_the_same_data_and_failed_ones_that_never_had_any_stay_together(store: Store, tmp_path: Path) -> None:
    sweep = opened(store, tmp_path, 2)
    on(job(sweep, 0, "setting=base seed=0", 0), "aaaa")
    job(sweep, 1, "setting=base seed=1", 1, status="FAILED")
    results = read(sweep)
    assert results.settings == ["base"]
    assert results.notes == ()


def test_runs_that_do_not_say_on_what_they_were_trained_are_said_to_be_unknown(store: Store, tmp_path: Path) -> None:
    sweep = opened(store, tmp_path, 2)
    on(job(sweep, 0, "setting=base seed=0", 0), "aaaa")
    job(sweep, 1, "setting=base seed=1", 1)
    [note] = read(sweep).notes
    assert note.startswith("1 run of an earlier version kept no fingerprint")


def test_runs_of_several_tasks_have_no_report(store: Store, tmp_path: Path) -> None:
    first, second = (opened(store, tmp_path, 1, name) for name in ("first", "second"))
    job(first, 0, "setting=base seed=0")
    job(second, 0, "setting=base seed=0", task="regression")
    with pytest.raises(ReportError, match=r"\(task=classification in first; task=regression in second\)"):
        read(first, second)
