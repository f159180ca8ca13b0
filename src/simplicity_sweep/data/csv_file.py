"""Reading CSV files: how one is written can be said, and what is taken for something else is refused."""

from __future__ import annotations

import codecs
import csv
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simplicity_sweep.data.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

_TAB = {"tab": "\t", "\\t": "\t"}  # which no command line can say as it is
_SEPARATORS = {";": '";"', "\t": "tab", "|": '"|"'}  # other than the comma, and how a command line says them
_PLAIN = (".csv", ".txt", ".tsv")
_DECIMAL_COMMA = r"\s*([+-]?\d*),(\d+(?:[eE][+-]?\d+)?)\s*"


@dataclass(frozen=True)
class CsvFormat:
    """How a CSV file is written.

    Attributes:
        separator: between its fields, one character, or `tab`.
        decimal: in its numbers, a point or a comma.
        encoding: of its characters, a name that Python knows.

    Raises:
        DataError: one of them can't be that.
    """

    separator: str = ","
    decimal: str = "."
    encoding: str = "utf-8"

    def __post_init__(self) -> None:
        object.__setattr__(self, "separator", _TAB.get(self.separator, self.separator))
        if len(self.separator) != 1:
            raise DataError(f"data.separator = {self.separator!r}: should be one character, or tab.")
        if self.decimal not in (".", ","):
            raise DataError(f"data.decimal = {self.decimal!r}: should be a point or a comma, 'data.decimal=\",\"'.")
        try:
            codecs.lookup(self.encoding)
        except LookupError:
            raise DataError(
                f"data.encoding = {self.encoding!r}: Python knows no such encoding. Often it is utf-8, cp1252, latin-1 "
                "or utf-16."
            ) from None


def read_csv(path: Path, form: CsvFormat, **options: Any) -> pd.DataFrame:
    """The table in a CSV file with a header line.

    Args:
        path: the file; `.gz` and the like are read as they are.
        form: how it is written.
        options: of `pandas.read_csv`.

    Raises:
        DataError: it can't be read, two of its columns have one name, or rows are longer than its header.
    """
    import pandas as pd  # slow to import

    if path.is_dir():
        raise DataError(f"{path} is a folder; expected a file.")
    said = {"sep": form.separator, "encoding": form.encoding}
    try:
        _refuse_equal_names(path, pd.read_csv(path, header=None, nrows=1, dtype=str, quoting=csv.QUOTE_MINIMAL, **said))
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(path, decimal=form.decimal, index_col=False, **said, **options)
    except DataError:
        raise
    except UnicodeError as error:
        raise DataError(_undecodable(path, form.encoding)) from error
    except pd.errors.ParserWarning as warning:  # it would leave out what is too much
        raise DataError(
            f"{path}: rows have more fields than the header line. Is data.separator right? A semicolon is said by "
            "'data.separator=\";\"', decimal commas by 'data.decimal=\",\"'."
        ) from warning
    except Exception as error:  # whatever the bytes of a file that is none make pandas say
        raise DataError(f"{path} can't be read as a table: {' '.join(str(error).split())}") from error
    if form.decimal == ",":
        # pandas does so in columns that hold nothing but numbers.
        for name in frame.select_dtypes(["object", "string"]):
            frame[name] = frame[name].replace(_DECIMAL_COMMA, r"\1.\2", regex=True)
    return frame.set_axis([str(name) for name in frame.columns], axis=1)


def named(columns: Iterable[str]) -> str:
    """The columns that there are, for a message that misses one: and where it looks as if the file had another
    separator, that.

    Example:
        >>> print(named(["a", "b "]))
        'a', 'b '
        >>> print(named(["a;b"]))
        'a;b'. Its fields seem to be separated otherwise: 'data.separator=";"'
    """
    names = list(columns)
    shown = ", ".join(map(repr, names))
    other = next((said for mark, said in _SEPARATORS.items() if len(names) == 1 and mark in names[0]), None)
    return shown if other is None else f"{shown}. Its fields seem to be separated otherwise: 'data.separator={other}'"


def has_decimal_commas(cells: pd.Series[Any]) -> bool:
    """Whether texts are numbers with a decimal comma, whole ones among them.

    Example:
        >>> import pandas as pd
        >>> has_decimal_commas(pd.Series(["0,5", "1"])), has_decimal_commas(pd.Series(["1"]))
        (True, False)
    """
    texts = cells.astype(str)
    commas = texts.str.fullmatch(_DECIMAL_COMMA)
    return bool(commas.any() and (commas | texts.str.fullmatch(r"\s*[+-]?\d+\s*")).all())


def _refuse_equal_names(path: Path, header: pd.DataFrame) -> None:
    """pandas would number them."""
    names = header.iloc[0].dropna().tolist()
    if twice := [name for place, name in enumerate(names) if name in names[:place]]:
        raise DataError(f"{path}: the header names the column {twice[0]!r} twice. Rename one.")


def _undecodable(path: Path, encoding: str) -> str:
    where = f"{path}"
    if path.suffix in _PLAIN:
        raw = path.read_bytes()
        try:
            raw.decode(encoding)
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            where = f"{path}, line {line}: byte 0x{raw[error.start]:02x}"
    return (
        f"{where} is no text in {encoding}. Say how the file is encoded: data.encoding=cp1252 (Windows in western "
        "Europe), latin-1, or utf-16 (Excel's Unicode text)."
    )
