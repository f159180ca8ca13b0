"""What `faults.py` counts: the faults that were injected, and what went wrong."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata

import torch
from bench.victims import JOBS, Points, Sweep
from rich.console import Console
from rich.table import Table

HEARD_SECONDS = 5.0
"""Within that a process must have ended after SIGTERM or Ctrl-C."""

WRONG = {
    "lost": "metric points lost",
    "doubled": "metric points doubled",
    "other": "metric points with another value",
    "missing": "runs missing",
    "superfluous": "runs too many",
    "repeated": "finished runs run again",
    "dragged": "jobs that ended with another one's process",
    "untruthful": "statuses and exit codes untruthful",
    "late": f"not ended {HEARD_SECONDS:.0f} s after SIGTERM or Ctrl-C",
}


@dataclass
class Tally:
    """What was injected, and what went wrong."""

    injected: Counter[str] = field(default_factory=Counter)
    sweeps: int = 0
    at_once: int = 0
    wrong: Counter[str] = field(default_factory=Counter)

    def note(self, what: str, how_many: int, sweep: Sweep) -> None:
        """Counts what went wrong, and says where."""
        if how_many:
            self.wrong[what] += how_many
            print(f"{WRONG[what]}: {how_many}, in {sweep.log}", flush=True)

    def compare(self, found: Mapping[str, Points], whole: Mapping[str, Points], sweep: Sweep) -> None:
        """Counts what jobs have lost, doubled or have otherwise than those of the undisturbed sweep."""
        for job, points in found.items():
            self.note("lost", len(whole[job].keys() - points.keys()), sweep)
            self.note("doubled", sum(len(values) - 1 for values in points.values()), sweep)
            differing = (points[key][0] != whole[job].get(key, [None])[0] for key in points)
            self.note("other", sum(differing), sweep)

    def look(self, sweep: Sweep, fault: str | None, code: int, whole: Mapping[str, Points]) -> None:
        """What can be told of a sweep whose process has just ended, with this code, after this fault or none."""
        statuses = sweep.statuses()
        jobs = [status for role, status, _ in statuses.values() if role == "job"]
        done = [status for _, status, _ in statuses.values()] == ["FINISHED"] * (JOBS + 1)
        self.note("untruthful", code == 0 and not done, sweep)
        under_way = sweep.under_way()
        if fault in ("terminate", "interrupt"):  # but what one before it left, which it may not have come to close
            self.note("untruthful", len(under_way - sweep.running), sweep)
        sweep.running = under_way
        if fault == "worker":
            self.note("dragged", max(0, JOBS - 1 - jobs.count("FINISHED")), sweep)
        self.compare(sweep.points("FINISHED"), whole, sweep)
        ended = {run: end for run, (role, status, end) in statuses.items() if (role, status) == ("job", "FINISHED")}
        again = (ended.get(run) != end for run, end in sweep.ended.items())
        self.note("repeated", sum(again), sweep)
        sweep.ended = ended
        self.note("superfluous", max(0, len(statuses) - JOBS - 1), sweep)
        if code == 0:
            self.note("missing", max(0, JOBS + 1 - len(statuses)), sweep)


def show(tally: Tally) -> None:
    table = Table(title=f"{tally.injected.total()} faults in {tally.sweeps} sweeps of {JOBS} runs")
    table.add_column("fault")
    table.add_column("injected", justify="right")
    for name, number in sorted(tally.injected.items()):
        table.add_row(name, str(number))
    table.add_row("sweeps started at one moment", str(tally.at_once))
    table.add_section()
    for what, text in WRONG.items():
        table.add_row(text, str(tally.wrong[what]))
    Console().print(table)
    versions = f"Python {platform.python_version()}, torch {torch.__version__}, MLflow {metadata.version('mlflow')}"
    print(f"{platform.machine()}, {os.cpu_count()} cores, {versions}")
