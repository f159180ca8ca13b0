"""What was measured, for people and for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from simplicity_sweep.probe import ELSEWHERE, Figures
from simplicity_sweep.probe.controls import CONTROLS

_ERROR = "/standard_error"
_COUNT_BELOW = 1e15


def print_table(figures: Figures, about: Mapping[str, Any], console: Console) -> None:
    """Prints a row for each measurement: its value and standard error beside null controls, then, where they were
    taken, beside the values at other points. Below stands what is undefined, and why."""
    console.print(", ".join(f"{key} {value}" for key, value in about.items()), highlight=False, markup=False)
    names = [name.removeprefix("test/") for name in figures.values if _is_value(name)]
    elsewhere = [(points, points + "/{}") for points in ELSEWHERE]
    controls = [(control, "null/{}/" + control) for control in CONTROLS]
    pointwise = [name for name in names if any(key.format(name) in figures.values for _, key in elsewhere)]
    others = [name for name in names if name not in pointwise]
    for rows, columns in ((others, controls), (pointwise, elsewhere)):
        if rows:
            console.print()
            console.print(_table(figures, rows, columns))
    for reason in dict.fromkeys(figures.undefined.values()):
        missing = ", ".join(name for name, why in figures.undefined.items() if why == reason)
        console.print(f"\n{missing}: undefined, {reason}", highlight=False, markup=False)


def figures_json(figures: Figures, about: Mapping[str, Any]) -> str:
    """The same as JSON, which holds no NaN: an undefined figure is null, its reason under `undefined`.

    Example:
        >>> print(figures_json(Figures({"test/a": 1.5, "test/b": math.nan}, {"test/b": "no inputs"}), {"seed": 0}))
        {
          "seed": 0,
          "figures": {
            "test/a": 1.5,
            "test/b": null
          },
          "undefined": {
            "test/b": "no inputs"
          }
        }
    """
    values = {name: value if math.isfinite(value) else None for name, value in figures.values.items()}
    infinite = {name: f"it is {value}" for name, value in figures.values.items() if math.isinf(value)}
    return json.dumps({**about, "figures": values, "undefined": infinite | figures.undefined}, indent=2)


def _table(figures: Figures, names: Sequence[str], columns: Sequence[tuple[str, str]]) -> Table:
    shown = [(title, key) for title, key in columns if any(_is_known(figures, key.format(name)) for name in names)]
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("measurement", overflow="fold")
    for title in ("test", "± s.e.", *(title for title, _ in shown)):
        table.add_column(title, justify="right", overflow="fold")
    for name in names:
        keys = [f"test/{name}", f"test/{name}{_ERROR}", *(key.format(name) for _, key in shown)]
        table.add_row(name, *(_number(figures.values.get(key)) for key in keys))
    return table


def _is_value(name: str) -> bool:
    return name.startswith("test/") and not name.endswith(_ERROR)


def _is_known(figures: Figures, name: str) -> bool:
    return not math.isnan(figures.values.get(name, math.nan))


def _number(value: float | None) -> str:
    """Counts in full, everything else with four digits.

    >>> _number(13302.0), _number(0.0194444), _number(math.nan), _number(None)
    ('13302', '0.01944', 'NaN', '')
    """
    if value is None:
        return ""
    if value.is_integer() and abs(value) < _COUNT_BELOW:
        return f"{value:.0f}"
    return "NaN" if math.isnan(value) else f"{value:.4g}"
