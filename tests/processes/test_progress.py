"""What a user sees while jobs run in processes."""

from __future__ import annotations

import io
import logging

import pytest
from rich.console import Console

from simplicity_sweep.processes import progress
from simplicity_sweep.processes.progress import JobsProgress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What time it is, in its only element."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_where_nothing_can_be_drawn_each_start_and_end_is_a_line(
    clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with JobsProgress(4, Console(file=io.StringIO())) as shown:
        shown.started(0, "seed=0")
        shown.started(1, "seed=1")
        clock[0] += 20
        shown.ended(1, 20.0, "ValueError: bad; its output: 1/process.log")
        shown.ended(0, 20.0, None)
    assert [record.getMessage().strip() for record in caplog.records] == [
        "#0 : seed=0",
        "#1 : seed=1",
        "#1 failed after 20 s: ValueError: bad; its output: 1/process.log "
        "(1 of 4 done, 1 running, 1 failed, about 0:01:00 left)",
        "#0 done after 20 s (2 of 4 done, 0 running, 1 failed, about 0:00:20 left)",
    ]
    assert caplog.records[2].levelname == "ERROR"


def test_in_a_terminal_one_line_counts_and_failures_stay(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    drawn = io.StringIO()
    with JobsProgress(3, Console(file=drawn, force_terminal=True, color_system=None, width=120)) as shown:
        shown.started(0, "seed=0")
        shown.started(1, "seed=1")
        shown.ended(0, 2.0, "ValueError: [bad]; its output: 0/process.log")
        shown._bar.refresh()
    assert "#0 failed after 2 s: ValueError: [bad]; its output: 0/process.log" in drawn.getvalue()
    assert "1 of 3 jobs done" in drawn.getvalue()
    assert "1 running, 1 failed" in drawn.getvalue()
    assert caplog.records == []
