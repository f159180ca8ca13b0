"""Reading a table: CSV or Parquet, with what would silently shift or rename a column refused."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from simplicity_sweep.data.errors import DataError

_PARQUET = (".parquet", ".pq")


def read_table(path: Path, separator: str, missing: Sequence[str]) -> pd.DataFrame:
    """The table in a file: Parquet by its ending, else CSV with a header line; rows numbered from 0.

    Args:
        path: the file; `.gz` and the like are read as they are.
        separator: between the fields of a CSV.
        missing: texts that mean a missing value, beside those of pandas.

    Raises:
        DataError: it can't be read, has no rows, two columns of one name, or rows longer than its header.
    """
    try:
        if path.suffix in _PARQUET:
            frame = pd.read_parquet(path)
        else:
            _refuse_equal_names(path, separator)
            with warnings.catch_warnings():
                warnings.simplefilter("error", pd.errors.ParserWarning)
                frame = pd.read_csv(path, sep=separator, na_values=list(missing), low_memory=False, index_col=False)
    except DataError:
        raise
    except pd.errors.ParserWarning as warning:  # it would leave out what is too much
        raise DataError(f"{path}: rows have more fields than the header line. Is data.separator right?") from warning
    except Exception as error:  # whatever the bytes of a file that is none make pandas say
        raise DataError(f"{path} can't be read as a table: {' '.join(str(error).split())}") from error
    if frame.empty:
        raise DataError(f"{path} holds no rows.")
    return frame.reset_index(drop=True).set_axis([str(name) for name in frame.columns], axis=1)


def _refuse_equal_names(path: Path, separator: str) -> None:
    """pandas would number them."""
    header = pd.read_csv(path, sep=separator, header=None, nrows=1, dtype=str, quoting=csv.QUOTE_MINIMAL)
    names = header.iloc[0].dropna().tolist()
    if twice := [name for place, name in enumerate(names) if name in names[:place]]:
        raise DataError(f"{path}: the header names the column {twice[0]!r} twice. Rename one.")
