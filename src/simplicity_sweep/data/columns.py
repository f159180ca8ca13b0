"""The columns of a table: which are numbers and which are categories, and how inputs are made of both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from simplicity_sweep.data.classes import refuse_spaced, shortly
from simplicity_sweep.data.csv_file import has_decimal_commas
from simplicity_sweep.data.errors import DataError

_FEW = 10  # rows that may be in order by chance
_DATE = r"\s*(\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[./]\d{1,2}[./]\d{2}(\d{2})?)([ T].*)?"
_ROWS = 1 << 16  # that are made inputs of at a time: scikit-learn's are float64 until they are copied


@dataclass(frozen=True)
class Columns:
    """Names of a table's columns that are inputs, by kind.

    Attributes:
        numbers: imputed by the training part's median, then standardised by its mean and standard deviation.
        categories: imputed by the training part's most frequent one, then one-hot.
    """

    numbers: tuple[str, ...]
    categories: tuple[str, ...]

    @classmethod
    def of(
        cls, frame: pd.DataFrame, names: Iterable[str], numeric: Sequence[str], categorical: Sequence[str], file: str
    ) -> Columns:
        """The kinds of the columns `names`: as declared, else numbers where each value is one, else categories.

        Raises:
            DataError: a column of dates; one declared as numbers that holds text; and, where it was not declared, one
                that is numbers but for some text, numbers with a decimal comma, or a number of the row.
        """
        numbers = [
            name
            for name in names
            if name not in categorical and _is_numeric(frame[name], name in numeric, f"{file}: column {name!r}")
        ]
        return cls(tuple(numbers), tuple(name for name in names if name not in numbers))

    def typed(self, frame: pd.DataFrame, file: str) -> pd.DataFrame:
        """The columns as float64 and as text, NaN where a value is missing.

        Raises:
            DataError: a column of numbers holds text or an infinity, or two categories differ in spaces alone.
        """
        typed = {name: _numbers(frame[name], f"{file}: column {name!r}") for name in self.numbers}
        typed |= {name: _texts(frame[name]) for name in self.categories}
        for name in self.categories:
            refuse_spaced(typed[name].dropna().unique(), f"{file}: column {name!r}")
        return pd.DataFrame(typed)

    def fitted(self, train: pd.DataFrame, most_categories: int) -> Any:
        """scikit-learn's transformer, fitted on the typed training part.

        Raises:
            DataError: a column is constant there, or has too many categories.
        """
        from sklearn.compose import ColumnTransformer  # slow to import
        from sklearn.impute import SimpleImputer
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OneHotEncoder, StandardScaler

        for name in (*self.numbers, *self.categories):
            _refuse_useless(train[name], name, most_categories if name in self.categories else None)
        one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype=np.float32)
        transformer = ColumnTransformer(
            [
                ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), list(self.numbers)),
                ("categories", make_pipeline(SimpleImputer(strategy="most_frequent"), one_hot), list(self.categories)),
            ],
            verbose_feature_names_out=False,
        )
        return transformer.fit(train)

    def notes(self, train: pd.DataFrame, others: pd.DataFrame) -> list[str]:
        """What was filled in, and which categories the training part doesn't know."""
        notes = []
        absent = {name: int(train[name].isna().sum() + others[name].isna().sum()) for name in train}
        if filled := [f"{name} ({count})" for name, count in absent.items() if count]:
            notes.append(
                f"Missing values of {len(train) + len(others)} rows, filled in with the training part's median or most "
                f"frequent category: {shortly(filled)}."
            )
        for name in self.categories:
            unknown = others[name][others[name].notna() & ~others[name].isin(train[name])]
            if len(unknown):
                shown = shortly(sorted(unknown.unique()))
                notes.append(
                    f"Column {name!r}: {len(unknown)} rows outside the training part hold categories that it lacks "
                    f"({shown}); all of the column's inputs are 0 there."
                )
        return notes


def transformed(transformer: Any, frame: pd.DataFrame, empty: Callable[[Sequence[int]], Tensor]) -> Tensor:
    """The inputs that a fitted transformer makes of rows, float32 `[n, inputs]`.

    Args:
        transformer: scikit-learn's, which makes each row by itself.
        frame: the rows.
        empty: where inputs of a shape are to be written.
    """
    result = empty((len(frame), len(transformer.get_feature_names_out())))
    for first in range(0, len(frame), _ROWS):
        part = slice(first, first + _ROWS)
        result[part] = torch.from_numpy(np.asarray(transformer.transform(frame.iloc[part]), dtype=np.float32))
    return result


def _is_numeric(column: pd.Series, declared: bool, called: str) -> bool:
    if pd.api.types.is_datetime64_any_dtype(column) or pd.api.types.is_timedelta64_dtype(column):
        raise DataError(f"{called} holds times. Make numbers of them, or leave it out: data.drop=[{column.name}]")
    if pd.api.types.is_bool_dtype(column):
        return declared
    if pd.api.types.is_numeric_dtype(column):
        if not declared:
            _refuse_row_numbers(column, called)
        return True
    present = column.dropna()
    _refuse_dates(present, called)
    if has_decimal_commas(present):
        raise DataError(
            f"{called}, row {int(present.index[0]) + 1}: {present.iloc[0]!r} is a number with a decimal comma, as all "
            f"of the column are. Say so: 'data.decimal=\",\"'; or take it for categories: "
            f"data.categorical=[{column.name}]"
        )
    text = present[pd.to_numeric(present, errors="coerce").isna()]
    if declared or len(text) * 2 < len(present):
        _refuse_text(text, called)
        return True
    return False


def _numbers(column: pd.Series, called: str) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce").astype("float64")
    _refuse_text(column[numbers.isna() & column.notna()], called)
    for row in np.flatnonzero(np.isinf(numbers))[:1]:
        raise DataError(f"{called}, row {row + 1}: the value is infinite. Put a number there, or leave it empty.")
    return numbers


def _refuse_text(text: pd.Series, called: str) -> None:
    if len(text):
        value = text.iloc[0]
        raise DataError(
            f"{called}, row {int(text.index[0]) + 1}: {value!r} is no number, and most values of the column are "
            f"({len(text)} are not). Mend it, say what means a missing value (data.missing_values=[{value!r}]), or "
            f"take the column for categories (data.categorical=[{text.name}])."
        )


def _refuse_row_numbers(column: pd.Series, called: str) -> None:
    """Refuses whole numbers that say where in the file, or which, a row is."""
    if not pd.api.types.is_integer_dtype(column) or len(column) < _FEW:
        return
    values = column.dropna().to_numpy(np.int64)
    steps = np.diff(values)
    numbered = column.is_unique and len(values) and values.max() - values.min() == len(values) - 1
    if numbered or (steps > 0).all() or (steps < 0).all():
        raise DataError(
            f"{called} numbers the rows ({', '.join(map(str, values[:3]))}, …, {values[-1]}): each value once, in the "
            f"order of the file or without a gap. Leave it out: data.drop=[{column.name}]; or, if it was measured, say "
            f"so: data.numeric=[{column.name}]"
        )


def _refuse_dates(present: pd.Series, called: str) -> None:
    if len(present) and present.astype(str).str.fullmatch(_DATE).all():
        raise DataError(
            f"{called} holds dates, such as {str(present.iloc[0])!r}. Make numbers of them, or leave it out: "
            f"data.drop=[{present.name}]; or take them for categories: data.categorical=[{present.name}]"
        )


def _texts(column: pd.Series) -> pd.Series:
    """Texts as objects; a whole number reads the same whether or not other values of the column are missing."""
    texts = column.astype(object).map(_text, na_action="ignore")
    return texts.where(column.notna(), np.nan).astype(object)


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _refuse_useless(column: pd.Series, name: str, most: int | None) -> None:
    different = column.nunique()
    if different < 2:
        held = f"{column.dropna().iloc[0]}" if different else "no value"
        raise DataError(
            f"Column {name!r} is constant in the training part ({held}), so it says nothing. "
            f"Leave it out: data.drop=[{name}]"
        )
    if most is not None and (different > most or different == column.count()):
        why = f"more than data.most_categories = {most}" if different > most else "each of them once"
        raise DataError(
            f"Column {name!r} holds {different} different texts in {len(column)} rows of the training part "
            f"({', '.join(map(repr, column.dropna().iloc[:2]))} …), {why}. If it is a name or a number of the row, "
            f"leave it out: data.drop=[{name}]; if it should be numbers, data.numeric=[{name}] says what is "
            "none."
        )
