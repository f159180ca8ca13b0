"""The walk-through of docs/factory.md, followed as it is written, but with fewer and shorter runs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest

from simplicity_sweep.report.__main__ import main
from tests.commands import train
from tests.conftest import PROJECT
from tests.walkthrough import Walkthrough

PAGE = Walkthrough.of("factory.md")
SHORTER = {
    "seed=range(5)": "seed=0,1",
    "depth=shallow,deep": "depth=shallow",
    "trainer.max_epochs=30": "trainer.max_epochs=3",
}
FEWER = [f"measure.probe.{stage}.paths=10" for stage in ("val", "test")]


@pytest.fixture(scope="module")
def followed(tmp_path_factory) -> Path:
    """The folder in which the page's commands were given, each of them with success."""
    folder = tmp_path_factory.mktemp("factory")
    PAGE.write(folder)
    for number, command in enumerate(PAGE.commands):
        follow(folder, number, command)
    return folder


def follow(folder: Path, number: int, command: Sequence[str]) -> None:
    match command:
        case ["python", "-c", code]:
            subprocess.run([sys.executable, "-c", code], cwd=folder, check=True)
        case ["python", "train.py", *given]:
            own = [f"hydra.sweep.dir={folder}/multirun/{number}", *FEWER]
            done = train(folder, *(SHORTER.get(one, one) for one in given), *own)
            assert done.returncode == 0, done.stderr
        case ["python", "-m", "simplicity_sweep.report", *given]:
            assert main([*given, "--uri", f"sqlite:///{folder}/mlflow.db"]) == 0
        case _:
            raise AssertionError(f"Nobody knows how to follow {command}.")


def test_the_page_is_followed_to_a_decision_by_what_it_asks(followed):
    sweeps = [place for place, command in enumerate(PAGE.commands) if command[1] == "train.py"]
    [first, second] = [followed / "multirun" / str(place) for place in sweeps]
    page = (first / "report" / "report.html").read_text()
    assert "How each setting stands" in page
    assert "test accuracy at least 0.95; labels flipped by noise at most 0.02" in page
    assert (second / "sweep.json").is_file()


def test_what_the_page_says_of_the_file_is_so(followed):
    lots = pd.read_csv(followed / "lots.csv")
    counts = lots.target.value_counts().sort_index().tolist()
    said = (PROJECT / "docs" / "factory.md").read_text()
    assert f"{len(lots)} lots" in said
    assert f"{len(lots.columns) - 1} measurements" in said
    assert "{}, {} and {}".format(*counts) in said


def test_what_is_made_shorter_here_stands_on_the_page():
    words = {word for command in PAGE.commands for word in command}
    assert SHORTER.keys() <= words
