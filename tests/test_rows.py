"""The table that is printed of a sweep."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from simplicity_sweep.rows import Row, print_rows


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
