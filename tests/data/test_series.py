"""A series: windows that no part shares a line of, standardised by the training part, and what is wrong by line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from simplicity_sweep.data import DataError, Series


def series(path: Path, **options: Any) -> Series:
    given = {"path": path, "window": 3, "horizon": 2, "val_size": 4, "test_size": 5}
    data = Series(**given | options)
    data.setup()
    return data


@pytest.fixture
def numbered(tmp_path: Path) -> Path:
    """60 lines: their number, and its square."""
    path = tmp_path / "numbered.csv"
    path.write_text("hour,n,square\n" + "".join(f"{10 + n},{n},{n * n}\n" for n in range(60)))
    return path


def test_a_window_is_followed_by_its_targets_in_their_own_units(numbered):
    data = series(numbered, time="hour", targets=["n", "square"])
    # Windows start at 0 … 55 (5 lines each); the last five are the test part. The first of them starts at line 51.
    assert data.test.labels[0].tolist() == [54, 54**2, 55, 55**2]
    assert (data.shape, data.outputs, data.classes) == ((3, 2), 4, None)


def test_no_line_is_in_two_parts(numbered):
    data = series(numbered, columns=["n"], targets=["n"])
    first, last = [], []
    for part in (data.train, data.val, data.test):
        first.append(part.labels[:, 0].min() - 3)  # the first target is three lines behind the window's first line
        last.append(part.labels[:, -1].max())
    assert last[0] < first[1]
    assert last[1] < first[2]
    # By hand: test 51 … 59, so validation windows end by 50: they start at 43 … 46; training ends by 42.
    assert (first, last) == ([0, 43, 51], [42, 50, 59])


@pytest.mark.parametrize("stride", [2, 4, 7])
def test_with_a_stride_windows_are_apart_and_parts_still_share_no_line(tmp_path, stride):
    path = tmp_path / "long.csv"
    path.write_text("n\n" + "".join(f"{n}\n" for n in range(150)))
    data = series(path, stride=stride)
    starts = torch.cat([part.labels[:, 0] - 3 for part in (data.train, data.val, data.test)]).long()
    assert (starts % stride == 0).all()
    assert data.train.labels.max() < data.val.labels[:, 0].min() - 3
    assert data.val.labels.max() < data.test.labels[:, 0].min() - 3
    assert (len(data.val), len(data.test)) == (4, 5)


def test_inputs_are_standardised_by_the_training_windows_alone(numbered):
    data = series(numbered, columns=["n", "square"])
    torch.testing.assert_close(data.train.inputs.mean((0, 1)), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(data.train.inputs.std((0, 1), correction=0), torch.ones(2))
    assert data.test.inputs.min() > 1  # later numbers are larger than any that was trained on


def test_targets_of_one_column_have_one_scale_at_every_step(numbered):
    mean, std = series(numbered, columns=["n", "square"], targets=["n"]).target_scale()
    assert (std[0], mean[0]) == (std[1], mean[1])


def test_the_time_is_not_seen_and_may_be_dates(tmp_path):
    path = tmp_path / "dates.csv"
    lines = [f"2024-{1 + day // 28:02}-{1 + day % 28:02}T12:00,{day}" for day in range(60)]
    path.write_text("when,n\n" + "\n".join(lines) + "\n")
    assert series(path, time="when").shape == (3, 1)


def test_a_series_just_long_enough_has_one_training_window(tmp_path):
    # By hand: 5 test windows over 9 lines, 4 for validation over 8, 1 for training over 5.
    path = tmp_path / "short.csv"
    path.write_text("n\n" + "".join(f"{n}\n" for n in range(22)))
    assert len(series(path).train) == 1
    path.write_text("n\n" + "".join(f"{n}\n" for n in range(21)))
    with pytest.raises(DataError, match=r"has 21 lines of data.*window=3, horizon=2.*need at least 22"):
        series(path)


def changed(path: Path, line: int, text: str) -> Path:
    lines = path.read_text().splitlines()
    lines[line - 1] = text
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    ("line", "text", "message"),
    [
        (5, "13,x,9", "line 5: column 'n' holds 'x', which is no finite number"),
        (7, "15,5,", "line 7: column 'square' is empty"),
        (7, "15,NaN,25", "line 7: column 'n' holds 'NaN', which is no finite number"),
        (7, "15,inf,25", "line 7: column 'n' holds 'inf'"),
        (8, "15,6,36", "line 8: column 'hour' goes from '15' to '15'; it must rise"),
        (9, "3,7,49", "line 9: column 'hour' goes from '16' to '3'; it must rise"),
        (9, "noon,7,49", "line .: column 'hour' holds .*neither a number nor a date"),
    ],
)
def test_what_is_wrong_in_the_file_is_named_by_line_and_column(numbered, line, text, message):
    with pytest.raises(DataError, match=message):
        series(changed(numbered, line, text), time="hour")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": ["m"]}, "has no column 'm'; it has 'hour', 'n', 'square'"),
        ({"time": "hour", "targets": ["hour"]}, "data.time='hour' is also among"),
        ({"window": 0}, "`window` to be a whole number of at least 1, but got 0"),
        ({"val_size": 0.5}, "`val_size` to be a whole number of at least 1, but got 0.5"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(numbered, options, message):
    with pytest.raises(DataError, match=message):
        series(numbered, **options)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.csv.*there is no such file"):
        series(tmp_path / "nowhere.csv")


def test_an_empty_series_is_refused(tmp_path):
    (tmp_path / "empty.csv").write_text("n\n")
    with pytest.raises(DataError, match="has no line of data"):
        series(tmp_path / "empty.csv")


@pytest.mark.parametrize("columns", [["n", "same"], None])
def test_a_column_that_is_constant_while_it_is_learned_from_is_named(tmp_path, columns):
    path = tmp_path / "flat.csv"
    path.write_text("n,same\n" + "".join(f"{n},{5 + (n > 55)}\n" for n in range(60)))
    with pytest.raises(DataError, match="column 'same' is constant in the training part"):
        series(path, columns=columns, targets=["n"])


SAID = {"separator": ";", "decimal": ",", "encoding": "latin-1"}


def german(path: Path) -> Path:
    lines = [f"{hour};{hour % 10},5\n" for hour in range(60)]
    path.write_bytes(("Stunde;Höhe\n" + "".join(lines)).encode("latin-1"))
    return path


def test_how_a_series_is_written_can_be_said(tmp_path):
    data = series(german(tmp_path / "werk.csv"), time="Stunde", **SAID)
    # The first test window starts at line 51, by hand above; three lines later it forecasts the 54th and the 55th.
    assert data.test.labels[0].tolist() == [4.5, 5.5]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"separator": "tab"}, r"has no column 'Stunde'; it has 'Stunde;Höhe'\. .*'data.separator="),
        ({"decimal": "."}, r"line 2: column 'Höhe' holds '0,5', which is no finite number.*'data.decimal="),
        ({"encoding": "utf-8"}, "werk.csv, line 1: byte 0xf6 is no text in utf-8"),
    ],
)
def test_a_series_that_is_written_otherwise_is_refused_with_what_to_say(tmp_path, wrong, message):
    with pytest.raises(DataError, match=message):
        series(german(tmp_path / "werk.csv"), time="Stunde", **SAID | wrong)


def test_two_columns_of_one_name_are_refused(tmp_path):
    (tmp_path / "twice.csv").write_text("n,n\n1,2\n")
    with pytest.raises(DataError, match="names the column 'n' twice"):
        series(tmp_path / "twice.csv")
