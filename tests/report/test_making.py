"""A report is made from the store alone, by the real command."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from simplicity_sweep import artifacts
from simplicity_sweep.report import making
from simplicity_sweep.report.__main__ import main
from simplicity_sweep.report.making import report_at_end
from simplicity_sweep.store import Store
from simplicity_sweep.sweep import Sweep
from tests.report.stored import job, opened
from tests.stores import new_store

RULE = {"require": ["accuracy >= 0.5"], "prefer": ["maximise accuracy"]}
FILES = {"report.html", "table.csv", "table.tex"}


@pytest.fixture(scope="module")
def sweep(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    made = opened(store, tmp_path_factory.mktemp("sweeps"), 4)
    made.run.log_texts({artifacts.DECIDE: yaml.safe_dump(RULE)})
    for number, (setting, seed) in enumerate([("base", 0), ("base", 1), ("tanh", 0), ("tanh", 1)]):
        job(made, number, f"setting={setting} seed={seed}", seed, 0.8 + number / 100)
    made.run.end("FINISHED")
    return made


def command(store: Store, *arguments: str) -> int:
    return main([*arguments, "--uri", store.uri, "--experiment", "tests"])


def page(folder: Path) -> str:
    return (folder / "report.html").read_text()


def test_a_sweeps_report_lies_in_its_folder_and_with_its_run(
    store: Store, sweep: Sweep, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(store, sweep.folder.name) == 0
    folder = sweep.folder / "report"
    assert capsys.readouterr().out == f"{folder / 'report.html'}\n"
    assert "Recommended: tanh" in page(folder)
    kept = {Path(item.path).name for item in store.client.list_artifacts(sweep.run.id, "report")}
    assert kept >= FILES


def test_a_store_cannot_say_into_which_folder_a_report_is_written(
    store: Store, sweep: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    working, others = tmp_path / "working", tmp_path / "others"
    working.mkdir()
    others.mkdir()
    monkeypatch.chdir(working)
    sweep.run.set_tags({"folder": str(others)})
    assert command(store, sweep.run.id) == 0
    sweep.run.set_tags({"folder": str(sweep.folder)})
    assert list(others.iterdir()) == []
    assert (working / "report" / "report.html").is_file()


def test_rebuilding_gives_the_same_bytes(store: Store, sweep: Sweep, tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert command(store, sweep.run.id, "--out", str(tmp_path / name)) == 0
    first, second = (
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.*")}
        for name in ("one", "two")
    )
    assert {str(path) for path in first} >= FILES
    assert first == second


def test_the_command_line_asks_instead_of_the_sweep(store: Store, sweep: Sweep, tmp_path: Path) -> None:
    asked = ["--require", "accuracy >= 0.99", "--out", str(tmp_path)]
    assert command(store, sweep.run.id, *asked) == 0
    assert "No setting can be recommended" in page(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing"], "no such sweep"),
        (["--decide", "luck"], r"--decide luck: no such rule. There are: balanced, fewer_false_alarms, rare_events"),
        (["--base", "gelu"], "--base gelu: no such setting. The sweep has: base, tanh."),
        (["--require", "accuracy is high"], "can't be read"),
    ],
)
def test_what_can_not_be_reported_is_said(
    store: Store,
    sweep: Sweep,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    assert command(store, *arguments, "--out", str(tmp_path)) == 1
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_metric_is_said_on_the_page_with_those_that_there_are(
    store: Store, sweep: Sweep, tmp_path: Path
) -> None:
    assert command(store, "--prefer", "minimise flips", "--out", str(tmp_path)) == 0
    assert "<code>flips</code> is not measured" in page(tmp_path)


def test_an_empty_store_has_no_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = new_store(tmp_path)
    assert command(empty) == 1
    assert "No sweep is recorded" in capsys.readouterr().err


def test_a_report_that_can_not_be_made_costs_the_sweep_nothing(
    store: Store,
    sweep: Sweep,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(making, "report_files", broken)
    report_at_end(store, sweep.run.id)
    assert "try again with: make report" in caplog.text
    assert "a bug" in caplog.text
