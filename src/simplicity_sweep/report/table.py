"""The summary table: setting × measurement, as rows, as CSV and as LaTeX."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from simplicity_sweep.report.labels import in_order, label, over_seeds
from simplicity_sweep.report.results import Results, array
from simplicity_sweep.report.rounding import rounded
from simplicity_sweep.report.statistics import Interval, mean_interval

COLUMNS = (
    "setting",
    "measurement",
    "mean",
    "low",
    "high",
    "sd",
    "n",
    "seeds",
    "absent",
    "undefined",
    "degenerate",
    "note",
)
"""Of the CSV: `low` and `high` bound the 95 % interval of the mean over seeds; of `seeds` replicates `n` have the
figure, `absent` have no result and `undefined` a NaN; `degenerate` of the networks are; `note` says which and why."""

_PER_BLOCK = 5  # measurements that stand side by side on a page of LaTeX
_SPECIAL = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
    }
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One setting under one measurement.

    Attributes:
        setting: which.
        measurement: MLflow's name without `test/`: `lz76_path`, `null/lz76_path/shuffled`, `midpoint/flip_rate`.
        interval: mean and 95 % interval over seeds.
        seeds: how many replicates there should be.
        absent: each without a result, and why.
        undefined: each finished one whose figure is NaN, and why.
        degenerate: the seeds whose network is degenerate.
    """

    setting: str
    measurement: str
    interval: Interval
    seeds: int
    absent: Sequence[str]
    undefined: Sequence[str]
    degenerate: Sequence[int]

    @property
    def shown(self) -> str:
        """Mean ± half the interval's width; in words where there is no number."""
        if not self.interval.n:
            return "undefined" if self.undefined else "no result"
        if math.isnan(self.interval.mean):
            return self.interval.reason or "undefined"
        return rounded(self.interval.mean, self.interval.low, self.interval.high).plain

    @property
    def note(self) -> str:
        """What is missing, and what is not to be taken at its face value."""
        dead = [f"seed {seed}: degenerate network" for seed in self.degenerate]
        why = [self.interval.reason] if self.interval.reason and self.interval.n else []
        return "; ".join([*self.absent, *self.undefined, *dead, *why])


def table(results: Results) -> list[Row]:
    """Each setting under each measurement, then under each null control and at each further kind of points.

    Settings come in the results' order; a figure that one setting has and another lacks has a row for both.
    """
    figures = [*(f"test/{name}" for name in in_order(results)), *_others(results)]
    return [_row(results, setting, figure) for setting in results.settings for figure in figures]


def main_rows(rows: Iterable[Row]) -> list[Row]:
    """The rows of what was measured on the test set, without null controls and other points."""
    return [row for row in rows if "/" not in row.measurement and row.measurement != "degenerate"]


def as_csv(rows: Iterable[Row]) -> str:
    """The rows as CSV with the columns of `COLUMNS`; each number has the digits that give it back, or is `nan`.

    A text that a spreadsheet would take for a formula has an apostrophe before it.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        of = row.interval
        numbers = ["nan" if number is None else repr(number) for number in (of.mean, of.low, of.high, of.sd)]
        counts = [of.n, row.seeds, len(row.absent), len(row.undefined), len(row.degenerate)]
        texts = map(_unformula, (row.setting, row.measurement))
        writer.writerow([*texts, *numbers, *counts, _unformula(row.note)])
    return text.getvalue()


def as_latex(results: Results, rows: Iterable[Row]) -> str:
    """The rows of `main_rows` as a LaTeX table over a page's width, a few measurements a block.

    It needs the packages booktabs and, for names that are not ASCII, an engine that reads UTF-8.
    """
    chosen = main_rows(rows)
    cells = {(row.setting, row.measurement): row for row in chosen}
    names = list(dict.fromkeys(row.measurement for row in chosen))
    blocks = [_block(results, cells, names[start : start + _PER_BLOCK]) for start in range(0, len(names), _PER_BLOCK)]
    return "\n".join(
        [
            "% Needs \\usepackage{booktabs}.",
            r"\begin{table*}",
            r"  \centering",
            f"  \\caption{{{_caption(results, chosen)}}}",
            r"  \footnotesize",
            "\n\n  \\medskip\n\n".join(blocks),
            r"\end{table*}",
            "",
        ]
    )


def escaped(text: str) -> str:
    """Text as LaTeX prints it.

    Example:
        >>> escaped("50 % of lr_1")
        '50 \\\\% of lr\\\\_1'
    """
    return " ".join(text.translate(_SPECIAL).split())


def _unformula(text: str) -> str:
    line = text.replace("\r", " ")  # which csv leaves unquoted, and a spreadsheet takes for a row's end
    return f"'{line}" if line.startswith(("=", "+", "-", "@", "\t", "\n")) else line


def _others(results: Results) -> list[str]:
    names = dict.fromkeys(name for job in results.finished.values() for name in job.figures)
    kept = (name for name in names if not name.startswith(("test/", "train/loss")))
    return sorted(name for name in kept if not name.endswith("/standard_error"))


def _row(results: Results, setting: str, figure: str) -> Row:
    jobs = {seed: job for (of, seed), job in results.finished.items() if of == setting}
    absent = [f"seed {seed}: {why}" for (of, seed), why in results.absent if of == setting]
    values = results.values(setting, figure)
    return Row(
        setting=setting,
        measurement=figure.removeprefix("test/"),
        interval=mean_interval(array(values)),
        seeds=len(results.seeds),
        absent=absent,
        undefined=[
            f"seed {seed}: {job.undefined.get(figure, 'not measured' if figure not in job.figures else 'undefined')}"
            for seed, job in sorted(jobs.items())
            if seed not in values
        ],
        degenerate=results.degenerate(setting),
    )


def _caption(results: Results, rows: Sequence[Row]) -> str:
    about = results.about
    data = f" on {about['data']}" if "data" in about else ""
    trained = f" after {about['epochs']} epochs" if "epochs" in about else ""
    dead = [f"{setting} ({len(of)})" for setting in results.settings if (of := results.degenerate(setting))]
    absent = [f"{setting} under seed {seed}" for (setting, seed), _ in results.absent]
    parts = [
        f"What was measured{data}{trained}: mean ± half the width of the 95 % interval over seeds (Student's t), ",
        f"{over_seeds(row.interval.n for row in rows)}.",
        f" † degenerate networks, and how many: {', '.join(dead)}." if dead else "",
        f" Without a result: {', '.join(absent)}." if absent else "",
    ]
    return escaped("".join(parts)).replace("±", r"$\pm$").replace("†", r"$^\dagger$")


def _block(results: Results, cells: Mapping[tuple[str, str], Row], names: Sequence[str]) -> str:
    """A tabular of some measurements."""
    lines = [
        rf"  \begin{{tabular}}{{l{'r' * len(names)}}}",
        r"    \toprule",
        f"    setting & {' & '.join(map(_heading, names))} \\\\",
        r"    \midrule",
    ]
    for setting in results.settings:
        mark = r"$^\dagger$" if results.degenerate(setting) else ""
        values = [_cell(cells[setting, name]) for name in names]
        lines.append(f"    {escaped(setting)}{mark} & {' & '.join(values)} \\\\")
    return "\n".join([*lines, r"    \bottomrule", r"  \end{tabular}"])


def _heading(measurement: str) -> str:
    called = label(measurement)
    lines = [*called.text.split(", "), *([f"({called.unit})"] if called.unit else [])]
    return r"\shortstack[r]{" + r" \\ ".join(map(escaped, lines)) + "}"


def _cell(row: Row) -> str:
    if math.isnan(row.interval.mean):
        return escaped(row.shown)
    number = rounded(row.interval.mean, row.interval.low, row.interval.high).latex
    return number if row.interval.n == row.seeds else f"{number} ($n = {row.interval.n}$)"
