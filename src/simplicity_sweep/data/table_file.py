"""Reading a table: CSV or Parquet, with what would silently shift or rename a column refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from simplicity_sweep.data.csv_file import CsvFormat, read_csv
from simplicity_sweep.data.errors import DataError

_PARQUET = (".parquet", ".pq")


def read_table(path: Path, form: CsvFormat, missing: Sequence[str]) -> pd.DataFrame:
    """The table in a file: Parquet by its ending, else CSV with a header line; rows numbered from 0.

    Args:
        path: the file.
        form: how a CSV is written.
        missing: texts that mean a missing value in a CSV, beside those of pandas.

    Raises:
        DataError: it can't be read, has no rows, two columns of one name, or rows longer than its header.
    """
    frame = (
        _read_parquet(path)
        if path.suffix in _PARQUET
        else read_csv(path, form, na_values=list(missing), low_memory=False)
    )
    if frame.empty:
        raise DataError(f"{path} holds no rows.")
    return frame.reset_index(drop=True)


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(path)
    except Exception as error:  # whatever the bytes of a file that is none make pandas say
        raise DataError(f"{path} can't be read as a table: {' '.join(str(error).split())}") from error
    return frame.set_axis([str(name) for name in frame.columns], axis=1)
