"""A table of the user's: one row an example, a column its class or some its targets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simplicity_sweep.data.classes import classes_of, codes_of
from simplicity_sweep.data.columns import Columns, transformed
from simplicity_sweep.data.csv_file import CsvFormat, named
from simplicity_sweep.data.errors import DataError, check_whole_number
from simplicity_sweep.data.examples import Examples
from simplicity_sweep.data.own import Given, Inputs, OwnData, Prepared
from simplicity_sweep.data.room import Room
from simplicity_sweep.data.table_file import read_table

_FLOAT32 = 4  # bytes


class Table(OwnData):
    """Rows of a CSV or Parquet file. Inputs are float32 `[n, inputs]`.

    Numbers are standardised, categories one-hot, missing values filled in (median, most frequent category), all by
    scikit-learn, fitted on the training part alone.

    Args:
        target: the column that is the class, texts or whole numbers; or a list of columns that are numbers, for
            task=regression, or 0 and 1, for task=multilabel.
        test_path: a file of its own for the test part; by default `test_size` of `path` is.
        columns: the columns that are inputs; by default all but the target.
        drop: of these, columns to leave out.
        numeric: columns that have to be numbers.
        categorical: columns that are categories, though they hold numbers.
        missing_values: texts that mean a missing value, beside the empty one, NA, NaN, null and the like.
        separator: between the fields of a CSV.
        decimal: in the numbers of a CSV, a point or a comma.
        encoding: of a CSV's characters.
        most_categories: a column of more different texts is refused.
        **options: see `OwnData`.

    Raises:
        DataError: names the file, the row (from 1, the header not counted) or the column.
    """

    def __init__(
        self,
        *,
        target: str | Sequence[str],
        test_path: str | Path | None = None,
        columns: Sequence[str] | None = None,
        drop: Sequence[str] = (),
        numeric: Sequence[str] = (),
        categorical: Sequence[str] = (),
        missing_values: Sequence[str] = (),
        separator: str = ",",
        decimal: str = ".",
        encoding: str = "utf-8",
        most_categories: int = 100,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        check_whole_number("most_categories", most_categories, least=2)
        self.of_classes = isinstance(target, str)
        self.targets = (target,) if isinstance(target, str) else _names(target)
        self.test_path = None if test_path is None else Path(test_path).expanduser().absolute()
        self.columns = None if columns is None else _names(columns)
        self.drop = _names(drop)
        self.numeric = _names(numeric)
        self.categorical = _names(categorical)
        self.missing_values = tuple(map(str, missing_values))
        self.format = CsvFormat(separator, decimal, encoding)
        self.most_categories = most_categories

    def files(self) -> Sequence[Path]:
        """The file, and that of the test part."""
        return (self.path,) if self.test_path is None else (self.path, self.test_path)

    def surveyed(self) -> tuple[Given, int, int]:
        """The rows of the files, numbers and texts typed: they are read into memory, what is made of them need not lie
        there."""
        frame = self._table(self.path)
        names = self._inputs(frame)
        columns = Columns.of(frame, names, self.numeric, self.categorical, self.path.name)
        classes = classes_of(*self._target(frame, self.path)) if self.of_classes else ()
        whole = self._examples(frame, columns, classes, self.path)
        test = None
        if self.test_path is not None:
            test = self._examples(self._table(self.test_path, names), columns, classes, self.test_path)
        called = tuple(map(str, classes))
        given = Given(whole, called, test=test, notes=tuple(_alike(called)))
        examples = len(whole) + (0 if test is None else len(test))
        inputs = len(columns.numbers) + sum(whole.rows[name].nunique() for name in columns.categories)
        return given, examples * inputs * _FLOAT32, 0

    def read(self, known: Given, room: Room) -> Given:
        """The rows, as they were surveyed."""
        return known

    def prepare(self, train: pd.DataFrame, val: pd.DataFrame, test: pd.DataFrame, inputs: Inputs) -> Prepared:
        """Standardised and one-hot inputs."""
        numbers = [name for name in train if name not in self.categorical and train[name].dtype.kind == "f"]
        columns = Columns(tuple(numbers), tuple(name for name in train if name not in numbers))
        transformer = columns.fitted(train, self.most_categories)
        parts = {"train": train, "val": val, "test": test}
        return Prepared(
            [transformed(transformer, part, partial(inputs, name)) for name, part in parts.items()],
            columns=tuple(map(str, transformer.get_feature_names_out())),
            notes=tuple(columns.notes(train, pd.concat([val, test]))),
        )

    def _table(self, path: Path, needed: Sequence[str] = ()) -> pd.DataFrame:
        frame = read_table(path, self.format, self.missing_values)
        for name in (*self.targets, *needed):
            if name not in frame:
                key = "data.target" if name in self.targets else "a column that is an input"
                raise DataError(f"{path} has no column {name!r}, {key}; it has {named(frame.columns)}.")
        return frame

    def _inputs(self, frame: pd.DataFrame) -> list[str]:
        asked = {"columns": self.columns or (), "drop": self.drop}
        asked |= {"numeric": self.numeric, "categorical": self.categorical}
        for key, names in asked.items():
            for name in names:
                if name not in frame or name in self.targets:
                    raise DataError(
                        f"data.{key} names {name!r}, which is no input column of {self.path}; it has "
                        f"{named(column for column in frame if column not in self.targets)}."
                    )
        among = self.columns or frame.columns
        inputs = [str(name) for name in among if name not in (*self.targets, *self.drop)]
        if not inputs:
            raise DataError(f"{self.path}: no column is left to be an input.")
        return inputs

    def _target(self, frame: pd.DataFrame, path: Path) -> tuple[Any, str, Any]:
        [target] = self.targets
        values = frame[target]
        array = values.to_numpy() if values.dtype.kind in "iuf" else values.astype(object).to_numpy()
        return array, f"the target {target!r}", lambda place: f"{path.name}, row {place + 1}"

    def _examples(self, frame: pd.DataFrame, columns: Columns, classes: Sequence[Any], path: Path) -> Examples:
        rows = columns.typed(frame, path.name)

        def call(place: int) -> str:
            return f"{path.name}, row {place + 1}"

        answers: dict[str, NDArray[Any]]
        if self.of_classes:
            values, what, _ = self._target(frame, path)
            labels: NDArray[Any] = codes_of(values, classes, what, call)
            answers = {" label": labels}
        else:
            labels = np.stack([_numbers(frame[name], name, call) for name in self.targets], axis=1)
            answers = {f" label {number}": column for number, column in enumerate(labels.T)}
        keys = pd.util.hash_pandas_object(rows.assign(**answers), index=False).to_numpy()
        return Examples(rows, labels, keys, np.arange(len(rows)), call)


def _alike(classes: Sequence[str]) -> Iterator[str]:
    """Of classes that differ in capital letters alone."""
    for place, name in enumerate(classes):
        for other in classes[:place]:
            if name.casefold() == other.casefold():
                yield f"The classes {other!r} and {name!r} differ in capital letters alone; they count as two."


def _numbers(cells: pd.Series, name: str, call: Callable[[int], str]) -> NDArray[np.float32]:
    """A target column as numbers, `[n]`."""
    numbers: NDArray[np.float32] = pd.to_numeric(cells, errors="coerce").to_numpy(np.float32)
    bad = np.flatnonzero(~np.isfinite(numbers))
    if len(bad):
        raise DataError(
            f"{call(int(bad[0]))}: the target {name!r} is {_shown(cells.iloc[bad[0]])}, no finite number ({len(bad)} "
            f"of {len(numbers)} are none). Fill or remove those rows; for a class, give the column's name without "
            f"brackets: data.target={name}"
        )
    return numbers


def _shown(cell: Any) -> str:
    return "missing" if pd.isna(cell) else repr(cell) if isinstance(cell, str) else str(cell)


def _names(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(map(str, names))
