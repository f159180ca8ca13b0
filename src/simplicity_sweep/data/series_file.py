"""Columns of numbers from a CSV file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from simplicity_sweep.data.csv_file import CsvFormat, has_decimal_commas, named, read_csv
from simplicity_sweep.data.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

_HEADER = 2  # the first line of data is the file's second


@dataclass(frozen=True, eq=False)
class Columns:
    """What a network sees, and what it is to forecast.

    Attributes:
        seen: float32 `[lines, columns]`.
        forecast: float32 `[lines, targets]`.
        names: of the columns that are seen.
    """

    seen: Tensor
    forecast: Tensor
    names: tuple[str, ...]


def read_columns(
    path: Path,
    form: CsvFormat,
    columns: Sequence[str] | None,
    targets: Sequence[str] | None,
    time: str | None,
) -> Columns:
    """The columns of a CSV file whose first line names them.

    Args:
        path: the file.
        form: how it is written.
        columns: those that are seen; None: all but `time`.
        targets: those that are forecast; None: those that are seen.
        time: the one that must rise from line to line, numbers or dates; None: there is none.

    Raises:
        DataError: the file can't be read or has no such column; a cell is empty, no number or not finite; or the time
            does not rise: the message names line and column.
    """
    table = _read(path, form)
    asked = [*(columns or []), *(targets or []), *([time] if time else [])]
    for name in asked:
        if name not in table.columns:
            raise DataError(f"{path} has no column {name!r}; it has {named(table.columns)}.")
    seen = list(columns) if columns else [name for name in table.columns if name != time]
    if time in (*seen, *(targets or [])):
        raise DataError(f"{path}: data.time={time!r} is also among data.columns or data.targets. Leave it out there.")
    if time:
        _refuse_unsorted(path, time, table[time])
    numbers = {name: _numbers(path, name, table[name]) for name in dict.fromkeys([*seen, *(targets or seen)])}
    return Columns(_stacked(numbers, seen), _stacked(numbers, targets or seen), tuple(seen))


def _read(path: Path, form: CsvFormat) -> pd.DataFrame:
    if not path.exists():
        raise DataError(f"data.path = {str(path)!r}: there is no such file.")
    texts = {"dtype": str, "keep_default_na": False, "skipinitialspace": True, "skip_blank_lines": False}
    table = read_csv(path, form, **texts)
    if table.empty:
        raise DataError(f"{path} has no line of data below the one that names the columns.")
    return table


def _numbers(path: Path, name: str, cells: pd.Series[Any]) -> Tensor:
    """The cells of one column as float32 `[lines]`."""
    import pandas as pd

    numbers = pd.to_numeric(cells, errors="coerce").to_numpy(np.float32)
    bad = np.flatnonzero(~np.isfinite(numbers))
    if len(bad):
        cell = cells.iloc[bad[0]].strip()
        what = "is empty" if not cell else f"holds {cell!r}, which is no finite number"
        commas = " Decimal commas are said by 'data.decimal=\",\"'." if has_decimal_commas(cells) else ""
        raise DataError(
            f"{path}, line {bad[0] + _HEADER}: column {name!r} {what} ({len(bad)} of {len(numbers)} cells are such). "
            f"Fill or remove those lines, or leave the column out by data.columns=[…].{commas}"
        )
    return torch.from_numpy(numbers)


def _refuse_unsorted(path: Path, name: str, cells: pd.Series[Any]) -> None:
    import pandas as pd

    moments = pd.to_numeric(cells, errors="coerce")
    if moments.isna().any():
        moments = pd.to_datetime(cells, errors="coerce", utc=True, format="ISO8601")
    if moments.isna().any():
        line = int(np.flatnonzero(moments.isna())[0])
        raise DataError(
            f"{path}, line {line + _HEADER}: column {name!r} holds {cells.iloc[line]!r}, which is neither a number nor "
            "a date such as 2024-01-31 or 2024-01-31T12:00."
        )
    values = moments.to_numpy()
    late = np.flatnonzero(values[1:] <= values[:-1])
    if len(late):
        line = int(late[0]) + 1
        raise DataError(
            f"{path}, line {line + _HEADER}: column {name!r} goes from {cells.iloc[line - 1]!r} to "
            f"{cells.iloc[line]!r}; it must rise from line to line. Sort the file by time, one line for each moment."
        )


def _stacked(numbers: dict[str, Tensor], names: Sequence[str]) -> Tensor:
    return torch.stack([numbers[name] for name in names], dim=1)
