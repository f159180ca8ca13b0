"""What was measured, for people and for programs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from simplicity_sweep.probe import ELSEWHERE, Figures

_ERROR = "/standard_error"
_CONTROLS = ("shuffled", "true_labels", "initial")


def print_table(figures: Figures, about: Mapping[str, Any], console: Console) -> None:
    """Prints a row for each measurement: its value and standard error, null controls, and other points' values."""
    names = [name.removeprefix("test/") for name in figures.values if _is_value(name)]
    columns = [
        *((control, "null/{}/" + control) for control in _CONTROLS),
        *((points, points + "/{}") for points in ELSEWHERE),
    ]
    shown = [(title, key) for title, key in columns if any(key.format(name) in figures.values for name in names)]
    table = Table(box=box.SIMPLE_HEAD, title=", ".join(f"{key} {value}" for key, value in about.items()))
    table.add_column("measurement")
    for title in ("test", "± s.e.", *(title for title, _ in shown)):
        table.add_column(title, justify="right")
    for name in names:
        keys = [f"test/{name}", f"test/{name}{_ERROR}", *(key.format(name) for _, key in shown)]
        table.add_row(name, *(_number(figures.values.get(key)) for key in keys))
    console.print(table)
    for name, reason in figures.undefined.items():
        console.print(f"{name}: {reason}", highlight=False)


def as_json(figures: Figures, about: Mapping[str, Any]) -> dict[str, Any]:
    """The same as JSON can hold it: an undefined figure is null, its reason under `undefined`."""
    values = {name: value if math.isfinite(value) else None for name, value in figures.values.items()}
    return {**about, "figures": values, "undefined": figures.undefined}


def _is_value(name: str) -> bool:
    return name.startswith("test/") and not name.endswith(_ERROR)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return "undefined" if math.isnan(value) else f"{value:.4g}"
