"""What a reader wants of a sweep at a glance: one row a job, and the table of them."""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import yaml
from mlflow.entities import Run as StoredRun
from omegaconf import OmegaConf
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from simplicity_sweep.processes.ending import read_ending
from simplicity_sweep.status import PRUNED, status_of
from simplicity_sweep.tasks import TASKS, Task, task_of

RowStatus = Literal["FINISHED", "PRUNED", "FAILED", "KILLED", "RUNNING", "MISSING"]

_WIDE = 120
_MOST_RANKED, _MOST_BROKEN = 40, 20
_REASON_LENGTH = 140
_NONE = "–"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One job of a sweep, with its final figures on the test set; None is what was not recorded.

    Attributes:
        job: the Hydra job's number.
        setting: what the sweep varies, in the words of the command line, e.g. `activation=tanh optim.lr=0.1`.
        status: see `status.status_of`; MISSING for a job without a run.
        run: MLflow's id of the run.
        task: what the network was asked for; the figures below are those that it names.
        headline: how good the network is.
        complexity: `lz76_path`.
        sensitivity: the main figure of how far noise moves the outputs.
        change_rate: share of inputs whose answer noise changes.
        jacobian_norm: the main figure of the Jacobian.
        degenerate: whether the network is dead: see `functional.degenerate`.
        seconds: from the run's start to its end.
        failure: why there is no result, one line.
        failed_at: the file and line that raised it.
        diverged: which loss is no number, and since when.
        pruned: when a search has stopped it, and by what.
        alone: why its steps were no part of a stacked program.
        data: fingerprint of the data that it was trained on.
    """

    job: int
    setting: str
    status: RowStatus
    run: str | None = None
    task: Task = TASKS["classification"]
    headline: float | None = None
    complexity: float | None = None
    sensitivity: float | None = None
    change_rate: float | None = None
    jacobian_norm: float | None = None
    degenerate: bool = False
    seconds: float | None = None
    failure: str | None = None
    failed_at: str | None = None
    diverged: str | None = None
    pruned: str | None = None
    alone: str | None = None
    data: str | None = None

    @property
    def ended(self) -> bool:
        """Whether it came to the end that was meant for it, its own or a pruner's."""
        return self.status in ("FINISHED", "PRUNED")


def rows_of(runs: Iterable[StoredRun], jobs: int, folder: Path) -> list[Row]:
    """One row for each of a sweep's jobs, by number: those with a run, and those that never came to have one.

    Args:
        runs: the children of the sweep's parent run; those without a tag `job` are not the sweep's.
        jobs: how many the sweep has; numbered from 0.
        folder: the sweep's, in which Hydra writes down what each job was asked for.
    """
    stored = {int(run.data.tags["job"]): run for run in runs if "job" in run.data.tags}
    numbers = sorted({*range(jobs), *stored})
    asked = {
        number: stored[number].data.tags.get("overrides", "").splitlines()
        if number in stored
        else _asked(folder / str(number))
        for number in numbers
    }
    settings = _settings(asked)
    return [
        _row(number, settings[number], stored[number])
        if number in stored
        else Row(job=number, setting=settings[number], status="MISSING", failure=_unrecorded(folder / str(number)))
        for number in numbers
    ]


def print_rows(rows: Sequence[Row], console: Console) -> None:
    """Prints a table of `rows`, the best first, then the pruned ones, then those without a result and why, then their
    count.

    From 120 columns on it has more measurements, and each run's status and id; a status other than FINISHED stands with
    its setting at any width. Of a long sweep the best and the first failures are shown.
    """
    ranked = sorted((row for row in rows if row.status == "FINISHED"), key=_rank)
    ended = [*ranked, *(row for row in rows if row.status == "PRUNED")]
    broken = [row for row in rows if not row.ended]
    wide = console.width >= _WIDE
    console.print(_table(_figures(rows, wide=wide), ended[:_MOST_RANKED] + broken[:_MOST_BROKEN], wide=wide))
    names = _figures(rows, wide=wide)
    console.print("; ".join(f"{name}: {metric}" for name, metric in names.items()), style="dim", highlight=False)
    counts = {status: sum(row.status == status for row in rows) for status in get_args(RowStatus)}
    line = ", ".join(f"{count} {status.lower()}" for status, count in counts.items() if count)
    left_out = len(ended[_MOST_RANKED:]) + len(broken[_MOST_BROKEN:])
    more = f" ({left_out} of them not shown)" if left_out else ""
    jobs = "1 job" if len(rows) == 1 else f"{len(rows)} jobs"
    console.print(f"{jobs}: {line or 'none'}{more}", highlight=False)
    if len(data := {row.data for row in rows if row.data is not None}) > 1:
        console.print(
            f"They are on {len(data)} data sets: what tells their figures apart is the data, too.", style="yellow"
        )
    for reason, number in Counter(row.alone for row in rows if row.alone is not None).items():
        console.print(f"{number} of them trained alone: {reason}", style="dim", highlight=False)


def failures_yaml(rows: Iterable[Row]) -> str:
    """The jobs without a result as YAML: `[]` if there are none.

    Example:
        >>> print(failures_yaml([Row(job=3, setting="optim.lr=9", status="FAILED", failure="ValueError: no")]), end="")
        - job: 3
          setting: optim.lr=9
          status: FAILED
          failure: 'ValueError: no'
          failed_at: null
          run: null
    """
    names = ("job", "setting", "status", "failure", "failed_at", "run")
    broken = [{name: getattr(row, name) for name in names} for row in rows if not row.ended]
    return str(yaml.safe_dump(broken, sort_keys=False, allow_unicode=True))


def _rank(row: Row) -> tuple[float, int]:
    lost = row.headline is None or math.isnan(row.headline)
    return (math.inf if lost else -(row.headline or 0.0), row.job)


def _row(job: int, setting: str, run: StoredRun) -> Row:
    metrics, tags, task = run.data.metrics, run.data.tags, task_of(run.data.params)
    ended = run.info.end_time
    return Row(
        job=job,
        setting=setting,
        status=status_of(run),
        run=run.info.run_id,
        task=task,
        headline=metrics.get(f"test/{task.headline}"),
        complexity=metrics.get("test/lz76_path"),
        sensitivity=metrics.get(f"test/{task.noise}"),
        change_rate=metrics.get(f"test/{task.change_rate}"),
        jacobian_norm=metrics.get(f"test/{task.jacobian}"),
        degenerate=metrics.get("test/degenerate") == 1,
        seconds=(ended - run.info.start_time) / 1000 if ended else None,
        failure=tags.get("failure"),
        failed_at=tags.get("failure.at"),
        diverged=tags.get("diverged"),
        pruned=tags.get(PRUNED),
        alone=None if tags.get("fused", "yes") == "yes" else tags["fused"],
        data=tags.get("data.fingerprint"),
    )


def _asked(folder: Path) -> list[str]:
    """A job's overrides as Hydra wrote them down before it started the job; none if it came not that far."""
    written = folder / ".hydra" / "overrides.yaml"
    return [str(one) for one in OmegaConf.load(written)] if written.is_file() else []


def _unrecorded(folder: Path) -> str:
    """Why a job has no run, as far as is known."""
    ending = read_ending(folder)
    return "no run was recorded" if ending is None else f"no run was recorded: {ending}"


def _settings(asked: Mapping[int, Sequence[str]]) -> dict[int, str]:
    """Each job's overrides but those that all jobs share, in the order in which they were given."""
    known = [set(overrides) for overrides in asked.values() if overrides]
    shared = set.intersection(*known) if len(known) > 1 else set()
    return {job: " ".join(one for one in asked[job] if one not in shared) for job in asked}


def _figures(rows: Sequence[Row], *, wide: bool) -> dict[str, str]:
    """The columns of figures by their titles, and which measurement each is."""
    task = next((row.task for row in rows if row.run is not None), TASKS["classification"])
    names = {task.headline: task.headline, "complexity": "lz76_path", "sensitivity": task.noise}
    more = {"flips" if task.change_rate == "flip_rate" else "changes": task.change_rate, "Jacobian": task.jacobian}
    return {title: f"test/{name}" for title, name in (names | (more if wide else {})).items()}


def _table(figures: Iterable[str], rows: Iterable[Row], *, wide: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("job", justify="right")
    table.add_column("setting", overflow="fold")
    for name in figures:
        table.add_column(name, justify="right")
    table.add_column("seconds", justify="right")
    if wide:
        table.add_column("status", no_wrap=True)
        table.add_column("run", no_wrap=True, style="dim")
    for row in rows:
        table.add_row(*_cells(row, wide=wide))
    return table


def _cells(row: Row, *, wide: bool) -> list[Text | str]:
    figures = [_figure(row.headline, ".4f"), _figure(row.complexity, ".3f"), _figure(row.sensitivity, "#.3g")]
    more = [_figure(row.change_rate, ".2%"), _figure(row.jacobian_norm, "#.3g")] if wide else []
    record = [row.status, (row.run or _NONE)[:8]] if wide else []
    return [str(row.job), _setting(row), *figures, *more, _figure(row.seconds, ".1f"), *record]


def _setting(row: Row) -> Text:
    text = Text(row.setting or _NONE)
    if row.pruned:
        text.append(f"\npruned {row.pruned}", style="yellow")
    elif not row.ended:
        why = textwrap.shorten(f"{row.status} {row.failure or ''}", _REASON_LENGTH, placeholder=" …")
        text.append(f"\n{why}{f' ({row.failed_at})' if row.failed_at else ''}", style="red")
    elif row.diverged:
        text.append(f"\ndiverged: {row.diverged}", style="yellow")
    elif row.degenerate:
        text.append("\ndegenerate: one answer for all inputs", style="yellow")
    return text


def _figure(value: float | None, form: str) -> str:
    return _NONE if value is None else format(value, form)
