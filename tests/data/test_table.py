"""A table of the user's: divided by class, prepared from the training part alone, refused where it would mislead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from simplicity_sweep.data import DataError, Table, refuse_other_answers
from tests.commands import runs, train

N = 60


def frame(**columns: Any) -> pd.DataFrame:
    """Sixty rows: 40 of class `no`, 20 of class `yes`, every `age` another one."""
    kept = {"age": [float(20 + row) for row in range(N)], "port": ["S", "C", "Q"] * (N // 3)}
    return pd.DataFrame(kept | {"survived": ["no", "no", "yes"] * (N // 3)} | columns)


def table(folder: Path, rows: pd.DataFrame, ending: str = "csv", **options: Any) -> Table:
    path = folder / f"people.{ending}"
    rows.to_parquet(path) if ending == "parquet" else rows.to_csv(path, index=False)
    data = Table(**({"path": path, "target": "survived"} | options))
    data.prepare_data()
    data.setup()
    return data


def ages(data: Table, part: str) -> list[int]:
    """Which rows a part holds, by their ages, from the standardised ones: those of all parts are 20 … 79."""
    whole = torch.cat([data.train.inputs, data.val.inputs, data.test.inputs])[:, 0]
    places = whole.argsort().argsort() + 20
    sizes = [len(data.train), len(data.val), len(data.test)]
    return dict(zip(("train", "val", "test"), places.split(sizes), strict=True))[part].tolist()


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_sizes_are_shares_of_the_whole_file_and_classes_are_in_proportion(tmp_path, ending):
    data = table(tmp_path, frame(), ending, test_size=0.2, val_size=0.1)
    parts = (data.train, data.val, data.test)
    assert [len(part) for part in parts] == [42, 6, 12]
    assert [part.labels.sum().item() for part in parts] == [14, 2, 4]  # a third of each is of class 1
    assert (data.classes, data.parts.names) == (2, ("no", "yes"))
    assert sorted(ages(data, "train") + ages(data, "val") + ages(data, "test")) == list(range(20, 80))


def test_sizes_may_be_whole_numbers(tmp_path):
    data = table(tmp_path, frame(), test_size=15, val_size=9)
    assert [len(part) for part in (data.train, data.val, data.test)] == [36, 9, 15]


def test_the_division_depends_on_the_split_seed_alone(tmp_path):
    same = {tuple(ages(table(tmp_path, frame(), order_seed=seed), "test")) for seed in range(3)}
    others = {tuple(ages(table(tmp_path, frame(), split_seed=seed), "test")) for seed in range(3)}
    assert (len(same), len(others)) == (1, 3)


def test_numbers_are_standardised_by_the_training_part_alone(tmp_path):
    data = table(tmp_path, frame())
    train = np.array(ages(data, "train"), dtype=np.float64)
    for part in ("train", "val", "test"):
        expected = (np.array(ages(data, part)) - train.mean()) / train.std()
        np.testing.assert_allclose(getattr(data, part).inputs[:, 0].numpy(), expected, rtol=1e-5, atol=1e-6)


def test_categories_are_one_hot_in_the_order_of_their_names(tmp_path):
    data = table(tmp_path, frame())
    assert data.parts.columns == ("age", "port_C", "port_Q", "port_S")
    for part in ("train", "val", "test"):
        rows = [age - 20 for age in ages(data, part)]
        # Row 0 is of port S, row 1 of C, row 2 of Q.
        expected = torch.tensor([[[0, 0, 1], [1, 0, 0], [0, 1, 0]][row % 3] for row in rows], dtype=torch.float32)
        assert torch.equal(getattr(data, part).inputs[:, 1:], expected)


def test_missing_values_are_the_training_parts_median_and_most_frequent_category(tmp_path, caplog):
    # Of 40 values 0 and 19 values 9 the median is 0; a third of the rows or less is not S.
    rows = frame(score=[0.0, 0.0, 9.0] * (N // 3), port=["S", "C", "S"] * (N // 3)).drop(columns="age")
    rows.loc[2, "score"], rows.loc[1, "port"] = np.nan, None
    data = table(tmp_path, rows, duplicates="allow")
    assert set(torch.unique(data.train.inputs[:, 0]).tolist()) == set(torch.unique(data.test.inputs[:, 0]).tolist())
    assert len(torch.unique(torch.cat([data.train.inputs, data.val.inputs, data.test.inputs])[:, 0])) == 2
    assert "most frequent category: score (1), port (1)" in caplog.text


def test_a_category_that_training_never_saw_is_zeros_and_said_so(tmp_path, caplog):
    train, test = frame(), frame(age=[float(age) + 0.5 for age in range(N)])
    test.loc[:, "port"] = "X"
    test.to_csv(tmp_path / "test.csv", index=False)
    data = table(tmp_path, train, test_path=tmp_path / "test.csv")
    assert data.test.inputs[:, 1:].abs().sum() == 0
    assert "'port': 60 rows outside the training part hold categories that it lacks (X)" in caplog.text


def test_a_test_file_is_the_whole_test_part(tmp_path):
    test = frame(age=[age + 0.5 for age in range(N)])
    test.to_csv(tmp_path / "test.csv", index=False)
    data = table(tmp_path, frame(), test_path=tmp_path / "test.csv", val_size=0.1)
    assert [len(part) for part in (data.train, data.val, data.test)] == [54, 6, 60]


def test_whole_numbers_are_classes_in_their_order(tmp_path):
    data = table(tmp_path, frame(survived=[10, 9, 30] * (N // 3)))
    assert (data.classes, data.parts.names) == (3, ("9", "10", "30"))
    assert sorted(data.val.labels.tolist()) == [0, 0, 1, 1, 2, 2]


def test_columns_can_be_chosen_left_out_and_declared(tmp_path):
    rows = frame(zip=[10, 20] * (N // 2), name=[f"n{row}" for row in range(N)])
    assert table(tmp_path, rows, drop=["name"]).parts.columns == ("age", "zip", "port_C", "port_Q", "port_S")
    chosen = table(tmp_path, rows, columns=["age", "zip"], categorical=["zip"])
    assert chosen.parts.columns == ("age", "zip_10", "zip_20")


def test_a_separator_and_marks_of_missing_values_can_be_stated(tmp_path):
    rows = frame(age=["?", *map(str, range(1, N))])
    path = tmp_path / "semicolons.csv"
    rows.to_csv(path, index=False, sep=";")
    data = table(tmp_path, rows, path=path, separator=";", missing_values=["?"])
    assert data.parts.columns[0] == "age"


def test_equal_rows_count_once_where_that_is_asked_for(tmp_path, caplog):
    data = table(tmp_path, pd.concat([frame(), frame()]), duplicates="drop")
    assert len(data.train) + len(data.val) + len(data.test) == N
    assert "60 examples that are equal to others were left out" in caplog.text
    assert len(table(tmp_path, pd.concat([frame(), frame()]), duplicates="allow").test) == 24


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({}, {"target": "life"}, r"people.csv has no column 'life', data.target; it has 'age', 'port', 'survived'"),
        ({"survived": "no"}, {}, "the target 'survived' = 'no'. A classifier needs two classes"),
        ({"survived": ["no", None] * 30}, {}, "people.csv, row 2: the target 'survived' is missing"),
        ({"survived": [0.5, 1.0] * 30}, {}, "row 1: the target 'survived' = 0.5; expected a whole number or a text"),
        ({"survived": ["rare"] + ["a", "b"] * 29 + ["a"]}, {}, "Class 'rare' has too few examples"),
        ({"age": ["old", *range(59)]}, {}, r"column 'age', row 1: 'old' is no number.*missing_values=\['old'\]"),
        ({"survived": ["no", "yes ", "yes"] * 20}, {}, "row 2: .* = 'yes ', which differs from 'yes' in spaces"),
        ({"port": ["S", "S ", "C"] * 20}, {}, "column 'port' holds 'S ' and 'S', which differ in spaces alone"),
        ({"port": ["0,5", "1", "7,25"] * 20}, {}, r"'port', row 1: '0,5' is a number with a decimal comma"),
        ({"when": ["2024-01-31", "1.2.2024"] * 30}, {}, "column 'when' holds dates, such as '2024-01-31'"),
        ({"id": range(7, 67)}, {}, r"'id' numbers the rows \(7, 8, 9, …, 66\).*data.drop=\[id\].*data.numeric=\[id\]"),
        ({"id": [60 - row**2 for row in range(60)]}, {}, "column 'id' numbers the rows"),
        ({"id": np.random.default_rng(0).permutation(60)}, {}, "column 'id' numbers the rows"),
        ({"id": [f"n{row}" for row in range(60)]}, {}, "'id' holds 42 different texts in 42 rows.*each of them once"),
        ({"port": ["1", "x"] * 30}, {"numeric": ["port"]}, "column 'port', row 2: 'x' is no number"),
        ({"age": [np.inf, *range(59)]}, {}, "column 'age', row 1: the value is infinite"),
        ({"k": 3}, {}, r"Column 'k' is constant in the training part \(3.*data.drop=\[k\]"),
        ({"k": np.nan}, {}, r"Column 'k' is constant in the training part \(no value\)"),
        ({"k": "same"}, {}, r"Column 'k' is constant in the training part \(same\)"),
        ({"name": [f"n{row}" for row in range(60)]}, {"most_categories": 9}, "'name' holds 42 different texts in 42"),
        ({"age": 1.0, "port": ["S", "C"] * 30}, {"drop": ["age"]}, "stand in the training part too, label included"),
        ({}, {"drop": ["agee"]}, "data.drop names 'agee', which is no input column of .*; it has 'age', 'port'"),
        ({}, {"columns": ["survived"]}, "data.columns names 'survived', which is no input column"),
        ({}, {"drop": ["age", "port"]}, "no column is left to be an input"),
        ({}, {"val_size": 1}, "data.val_size asks for 1 of 60 examples; expected from 2, one of each class, to 58"),
        ({}, {"test_size": 59}, "data.test_size asks for 59 of 54 examples"),
        ({}, {"test_size": 1.0}, "`test_size` to be a whole number of at least 1, or a share"),
        ({}, {"test_size": None}, "there is no test part of its own"),
        ({}, {"duplicates": "keep"}, "`duplicates` to be error, drop or allow, but got 'keep'"),
        ({}, {"path": "/no/such.csv"}, "/no/such.csv does not exist"),
    ],
)
def test_what_would_mislead_is_refused_by_file_row_or_column(tmp_path, columns, options, message):
    with pytest.raises(DataError, match=message):
        table(tmp_path, frame(**columns), **options)


def test_a_column_that_numbers_the_rows_is_an_input_where_it_is_said_to_be_measured(tmp_path):
    assert "id" in table(tmp_path, frame(id=range(60)), numeric=["id"]).parts.columns


def test_classes_that_differ_in_capitals_alone_are_two_and_said_so(tmp_path, caplog):
    assert table(tmp_path, frame(survived=["no", "yes", "Yes"] * 20)).classes == 3
    assert "The classes 'Yes' and 'yes' differ in capital letters alone" in caplog.text


def test_a_test_part_mostly_of_one_class_is_said_to_be(tmp_path, caplog):
    table(tmp_path, frame(survived=["yes"] * 5 + ["no"] * 55), test_size=12, val_size=12)
    # Of 5 in 60 rows one is in proportion in 12.
    assert "91.7% of the test part are of class 'no'" in caplog.text


SAID = {"separator": ";", "decimal": ",", "encoding": "cp1252"}


def german(path: Path, *more: str) -> None:
    rows = [f"{20 + row},{row % 10};{'Süd' if row % 2 else 'Nord'};{'ja' if row % 3 else 'nein'}" for row in range(N)]
    path.write_bytes("\n".join(["Länge;Ort;gut", *rows, *more]).encode("cp1252"))


def test_how_a_csv_is_written_can_be_said(tmp_path):
    german(tmp_path / "werk.csv")
    data = table(tmp_path, frame(), path=tmp_path / "werk.csv", target="gut", **SAID)
    assert data.parts.columns == ("Länge", "Ort_Nord", "Ort_Süd")
    whole = torch.cat([data.train.inputs, data.val.inputs, data.test.inputs])[:, 0].double().sort().values
    # 20.0, 21.1, … 29.9, 30.0, 31.1 …: from the first to the last, in steps of 1.1, and every tenth of 0.1.
    lengths = torch.tensor([20 + row + row % 10 / 10 for row in range(N)], dtype=torch.float64).sort().values
    torch.testing.assert_close((whole - whole[0]) / (whole[-1] - whole[0]), (lengths - 20) / 59.9, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"separator": ","}, "rows have more fields than the header line.*data.separator="),
        ({"separator": "tab"}, "Its fields seem to be separated otherwise: 'data.separator=\";\"'"),
        ({"separator": ";;"}, "data.separator = ';;': should be one character, or tab"),
        ({"decimal": "."}, "column 'Länge', row 1: '20,0' is a number with a decimal comma"),
        ({"decimal": "·"}, "data.decimal = '·': should be a point or a comma"),
        ({"encoding": "utf-8"}, "werk.csv, line 1: byte 0xe4 is no text in utf-8.*data.encoding=cp1252"),
        ({"encoding": "ansi-7"}, "data.encoding = 'ansi-7': Python knows no such encoding"),
    ],
)
def test_a_csv_that_is_written_otherwise_is_refused_with_what_to_say(tmp_path, wrong, message):
    german(tmp_path / "werk.csv")
    with pytest.raises(DataError, match=message):
        table(tmp_path, frame(), path=tmp_path / "werk.csv", target="gut", **SAID | wrong)


def test_a_text_among_decimal_commas_is_refused_by_its_row(tmp_path):
    german(tmp_path / "werk.csv", "aus;Nord;ja")
    with pytest.raises(DataError, match="column 'Länge', row 61: 'aus' is no number"):
        table(tmp_path, frame(), path=tmp_path / "werk.csv", target="gut", **SAID)


@pytest.mark.parametrize("start", ["\ufeff", ""])
def test_a_mark_of_byte_order_is_no_part_of_the_first_column(tmp_path, start):
    text = frame().to_csv(index=False)
    (tmp_path / "marked.csv").write_text(start + text, encoding="utf-8")
    assert table(tmp_path, frame(), path=tmp_path / "marked.csv").parts.columns[0] == "age"


def test_nullable_numbers_and_categories_of_parquet_are_numbers_and_categories(tmp_path):
    rows = frame(count=pd.array([None if row % 9 == 0 else row % 7 for row in range(N)], dtype="Int64"))
    rows = rows.astype({"port": "category", "survived": "category"})
    data = table(tmp_path, rows, "parquet")
    assert data.parts.columns == ("age", "count", "port_C", "port_Q", "port_S")
    assert data.parts.names == ("no", "yes")


def test_times_are_refused(tmp_path):
    rows = frame(when=pd.date_range("2020-01-01", periods=N))
    with pytest.raises(DataError, match=r"column 'when' holds times.*data\.drop=\[when\]"):
        table(tmp_path, rows, "parquet")


def test_a_class_that_only_the_test_file_knows_is_refused(tmp_path):
    frame(survived=["no", "perhaps"] * 30).to_csv(tmp_path / "test.csv", index=False)
    with pytest.raises(DataError, match=r"test\.csv, row 2: the target 'survived' = 'perhaps' is none of.*no, yes"):
        table(tmp_path, frame(), test_path=tmp_path / "test.csv")


def test_a_row_of_the_test_file_that_training_saw_is_refused(tmp_path):
    frame().iloc[:9].to_csv(tmp_path / "test.csv", index=False)
    with pytest.raises(DataError, match=r"examples of the test part stand in the training part too.*people\.csv, row"):
        table(tmp_path, frame(), test_path=tmp_path / "test.csv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "can't be read as a table: No columns to parse"),
        ("a,survived\n", "holds no rows"),
        ("a,a,survived\n1,2,yes\n", "names the column 'a' twice"),
        ("a,survived\n1,2,yes\n3,4,no\n", "rows have more fields than the header"),
        ("a,survived\n1,yes\n3,4,no\n", "can't be read as a table: .*line 3"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path, text, message):
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(DataError, match=f"bad.csv.*{message}"):
        table(tmp_path, frame(), path=tmp_path / "bad.csv")


def test_the_command_trains_on_a_table(tmp_path):
    frame().to_csv(tmp_path / "people.csv", index=False)
    done = train(
        tmp_path, "data=table", f"data.path={tmp_path}/people.csv", "data.target=survived", "trainer=cpu",
        "data.class_weights=balanced", "trainer.max_epochs=2",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    [run] = runs(tmp_path)
    assert run.data.tags["fused"] == "yes"
    assert {"test/accuracy", "test/lz76_path", "test/flip_rate"} <= run.data.metrics.keys()


def test_the_command_says_in_one_line_what_is_wrong_with_a_table(tmp_path):
    frame(k=3).to_csv(tmp_path / "people.csv", index=False)
    done = train(tmp_path, "data=table", f"data.path={tmp_path}/people.csv", "data.target=survived", "trainer=cpu")
    assert done.returncode == 1
    assert "Column 'k' is constant in the training part" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "outputs").exists()


def test_a_list_of_target_columns_are_numbers_in_their_own_units(tmp_path):
    rows = pd.DataFrame({"size": np.arange(60.0), "price": np.arange(60.0) * 1000, "year": np.arange(60)})
    data = table(tmp_path, rows, target=["price", "year"])
    assert (data.outputs, data.classes, data.shape) == (2, None, (1,))
    assert [len(part) for part in (data.train, data.val, data.test)] == [42, 6, 12]
    assert torch.equal(data.train.labels[:, 0], data.train.labels[:, 1] * 1000)
    refuse_other_answers("regression", data)


def test_target_columns_of_0_and_1_are_sets_of_labels(tmp_path):
    rows = pd.DataFrame({"size": np.arange(60.0), "even": np.arange(60) % 2, "late": (np.arange(60) > 20).astype(int)})
    data = table(tmp_path, rows, target=["even", "late"])
    refuse_other_answers("multilabel", data)
    with pytest.raises(DataError, match=r"holds sets of labels.*task=multilabel"):
        refuse_other_answers("classification", data)


@pytest.mark.parametrize("cell", ["dear", None])
def test_a_target_that_is_no_number_is_refused_by_row_and_column(tmp_path, cell):
    rows = pd.DataFrame({"size": np.arange(60.0), "price": [1.5, cell, *np.arange(58.0)]})
    with pytest.raises(DataError, match=r"people\.csv, row 2: the target 'price' is .*no finite number"):
        table(tmp_path, rows, target=["price"])
