"""The summary table and its CSV and LaTeX."""

from __future__ import annotations

import csv
import io
import math
import re
from dataclasses import replace

import pytest

from simplicity_sweep.report.results import Job, Results
from simplicity_sweep.report.rounding import rounded
from simplicity_sweep.report.table import COLUMNS, Row, as_csv, as_latex, main_rows, table
from tests.report.realistic import changed, realistic, renamed


@pytest.fixture(scope="module")
def results() -> Results:
    return realistic(("base", "tanh", "high_lr"))


def parsed(results: Results) -> dict[tuple[str, str], dict[str, str]]:
    """The CSV's rows by setting and measurement."""
    rows = csv.DictReader(io.StringIO(as_csv(table(results))))
    return {(row["setting"], row["measurement"]): row for row in rows}


def row(results: Results, setting: str, measurement: str) -> Row:
    [found] = [row for row in table(results) if (row.setting, row.measurement) == (setting, measurement)]
    return found


def three_values() -> Results:
    """1, 2 and 3: mean 2, sd 1, and with t = 4.3027 for 2 degrees of freedom 2 ± 4.3027/√3 = 2 ± 2.4841."""
    jobs = [
        Job(setting="a", seed=seed, status="FINISHED", figures={"test/lz76_path": value})
        for seed, value in enumerate((1.0, 2.0, 3.0))
    ]
    return Results(name="", about={}, base="a", jobs=jobs)


# Rows


def test_a_row_has_mean_interval_and_n_of_the_seeds():
    of = row(three_values(), "a", "lz76_path").interval
    assert (of.mean, of.n, of.sd) == (2.0, 3, 1.0)
    assert of.low == pytest.approx(2 - 2.4841, abs=1e-4)
    assert of.high == pytest.approx(2 + 2.4841, abs=1e-4)


def test_every_setting_has_a_row_for_every_measurement_and_null_control(results):
    names = [row.measurement for row in table(results) if row.setting == "base"]
    assert names == [
        "accuracy", "lz76_path", "noise_l2_logits", "noise_l2_probabilities", "noise_relative", "degenerate",
        "null/lz76_path/initial", "null/lz76_path/shuffled", "null/lz76_path/true_labels",
    ]  # fmt: skip
    assert [row.measurement for row in table(results) if row.setting == "high_lr"] == names
    assert {row.measurement for row in main_rows(table(results))} == set(names[:5])


def test_a_failed_cell_is_listed_with_its_reason_and_not_averaged_away(results):
    failed = changed(results, "tanh", 3, status="FAILED", failure="RuntimeError: out of memory", figures={})
    found = row(failed, "tanh", "accuracy")
    assert (found.interval.n, found.seeds) == (4, 5)
    assert found.absent == ["seed 3: failed: RuntimeError: out of memory"]
    assert parsed(failed)["tanh", "accuracy"]["note"] == "seed 3: failed: RuntimeError: out of memory"


def test_a_missing_cell_is_listed(results):
    jobs = [job for job in results.jobs if (job.setting, job.seed) != ("tanh", 0)]
    found = row(replace(results, jobs=jobs), "tanh", "accuracy")
    assert (found.interval.n, found.absent) == (4, ["seed 0: no run was recorded"])


def test_an_undefined_figure_keeps_its_reason(results):
    found = row(results, "high_lr", "noise_relative")
    assert found.undefined == [f"seed {seed}: the outputs are constant" for seed in range(5)]
    assert (found.interval.n, found.shown) == (0, "undefined")


def test_degenerate_networks_are_flagged_in_every_row_of_their_setting(results):
    assert row(results, "high_lr", "lz76_path").degenerate == [0, 1, 2, 3, 4]
    assert parsed(results)["high_lr", "lz76_path"]["degenerate"] == "5"
    assert row(results, "base", "lz76_path").degenerate == []


def test_one_seed_has_a_mean_and_no_interval():
    found = row(realistic(("base",), seeds=[7]), "base", "lz76_path")
    assert (found.interval.low, found.interval.n) == (None, 1)
    assert "±" not in found.shown


def test_an_infinite_figure_is_said(results):
    infinite = changed(results, "tanh", 0, figures={"test/lz76_path": 1.7976931348623157e308})  # as MLflow keeps it
    assert row(infinite, "tanh", "lz76_path").shown == "infinite values"


@pytest.mark.parametrize(
    ("mean", "half", "shown"),
    [
        (0.9703, 0.0016, "0.9703 ± 0.0016"),
        (3.379, 0.0394, "3.379 ± 0.039"),
        (369_912.4, 232.2, "369912 ± 232"),
        (0.4, 1.234, "0.4 ± 1.2"),
        (1.04e-5, 1e-6, "(1.04 ± 0.10)·10⁻⁵"),
        (-0.25, 0.01, "-0.250 ± 0.010"),
        (0.0, 0.0, "0 ± 0"),
        (2.0, 0.0, "2.000 ± 0"),
    ],
)
def test_a_mean_has_the_digits_that_its_interval_supports(mean, half, shown):
    assert rounded(mean, mean - half, mean + half).plain == shown


# CSV


def test_the_csv_read_back_gives_the_same_numbers(results):
    for of in table(results):
        found = parsed(results)[of.setting, of.measurement]
        assert int(found["n"]) == of.interval.n
        for name in ("mean", "low", "high", "sd"):
            value = getattr(of.interval, name)
            read = float(found[name])
            assert read == value or (math.isnan(read) and (value is None or math.isnan(value)))


def test_the_csv_has_its_columns_and_unix_lines(results):
    text = as_csv(table(results))
    assert text.splitlines()[0] == ",".join(COLUMNS)
    assert "\r" not in text


@pytest.mark.parametrize("name", ['a,"b"', "two\nlines", "<script>", "ü=σ"])
def test_any_name_comes_back_from_the_csv(results, name):
    assert (name, "accuracy") in parsed(renamed(results, "tanh", name))


@pytest.mark.parametrize("name", ['=HYPERLINK("http://a")', "+optim.amsgrad=true", "-1+1", "@SUM(A1)", "\t=1", "\n=1"])
def test_no_text_of_the_csv_is_a_formula(results, name):
    assert (f"'{name}", "accuracy") in parsed(renamed(results, "tanh", name))
    text = as_csv([replace(row(results, "base", "accuracy"), measurement=name, absent=[name])])
    [read] = csv.DictReader(io.StringIO(text, newline=""))
    assert (read["measurement"], read["note"]) == (f"'{name}", f"'{name}")


def test_no_text_of_the_csv_begins_a_row(results):
    assert ("a =1", "accuracy") in parsed(renamed(results, "tanh", "a\r=1"))


def test_csv_and_latex_are_the_same_bytes_when_built_again(results):
    again = realistic(("base", "tanh", "high_lr"))
    assert as_csv(table(again)) == as_csv(table(results))
    assert as_latex(again, table(again)) == as_latex(results, table(results))


# LaTeX


def test_the_latex_caption_states_n_data_epochs_and_degenerate_networks(results):
    [caption] = re.findall(r"\\caption\{(.*)\}", as_latex(results, table(results)))
    assert "on mnist after 10 epochs" in caption
    assert "n = 5 seeds" in caption
    assert r"high\_lr (5)" in caption


def test_the_latex_caption_names_each_cell_without_a_result(results):
    failed = changed(results, "tanh", 3, status="KILLED", figures={})
    assert "Without a result: tanh under seed 3." in as_latex(failed, table(failed))
    assert "($n = 4$)" in as_latex(failed, table(failed))


def test_latex_specials_are_escaped(results):
    text = as_latex(*(lambda of: (of, table(of)))(renamed(results, "tanh", r"50% of $x_1$ & #{~^}\input<>")))
    escaped = (
        r"50\% of \$x\_1\$ \& \#\{\textasciitilde{}\textasciicircum{}\}\textbackslash{}input\textless{}\textgreater{} &"
    )
    assert escaped in text


def test_latex_rows_have_as_many_cells_as_their_heading(results):
    text = as_latex(results, table(results))
    blocks = re.findall(r"\\begin\{tabular\}\{l(r+)\}(.*?)\\end\{tabular\}", text, re.DOTALL)
    assert sum(len(columns) for columns, _ in blocks) == 5
    for columns, block in blocks:
        lines = [line for line in block.splitlines() if line.endswith(r"\\")]
        assert len(lines) == 1 + 3
        assert {line.count(" & ") for line in lines} == {len(columns)}
    assert text.count(r"\begin{") == text.count(r"\end{")


def test_a_sweep_without_results_has_an_empty_table():
    empty = Results(name="", about={}, base="a", jobs=[Job(setting="a", seed=0, status="RUNNING")])
    assert table(empty) == []
    assert as_csv([]).splitlines() == [",".join(COLUMNS)]
    assert "no result" in as_latex(empty, [])
