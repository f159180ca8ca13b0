"""The figures: their numbers, their marks, their files."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from html import unescape

import matplotlib
import pytest
from PIL import Image

from simplicity_sweep.report.figures import Figures, Picture, as_files, as_svgs, figures
from simplicity_sweep.report.figures.curves import curves
from simplicity_sweep.report.figures.dots import dots
from simplicity_sweep.report.figures.paths import stretches
from simplicity_sweep.report.figures.style import MOST, looks
from simplicity_sweep.report.figures.tradeoff import points
from simplicity_sweep.report.labels import short_names
from simplicity_sweep.report.results import Job, Results
from tests.report.realistic import changed, realistic, renamed

SETTINGS = ("base", "tanh", "high_lr")


@pytest.fixture(scope="module")
def results() -> Results:
    return realistic(SETTINGS)


@pytest.fixture(scope="module")
def drawn(results: Results) -> Figures:
    return figures(results)


def picture(found: Figures, name: str) -> Picture:
    [of] = [picture for picture in found.pictures if picture.name == name]
    return of


def texts(svg: str) -> list[str]:
    """What is written in an SVG."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def many(count: int) -> Results:
    """Settings whose accuracies rise with their number; the base's is the lowest."""
    jobs = [
        Job(setting=f"s{n}", seed=seed, status="FINISHED", figures={"test/accuracy": n / 100, "test/lz76_path": 3.0})
        for n in range(count)
        for seed in (0, 1)
    ]
    return Results(name="", about={}, base="s0", jobs=jobs)


# Numbers


def test_accuracy_stands_against_complexity_over_the_seeds_that_have_both(results):
    some = changed(results, "tanh", 0, figures={"test/accuracy": 0.5})
    found = {point.setting: point for point in points(some, "lz76_path", SETTINGS)}
    assert (found["base"].headline.n, found["tanh"].headline.n) == (5, 4)
    assert found["tanh"].headline.mean == pytest.approx(0.97, abs=0.01)
    assert [found[setting].dead for setting in SETTINGS] == [False, False, True]


def test_settings_are_ranked_by_sensitivity_in_each_space_of_outputs(results):
    """In METRICS.md tanh is calmer than ReLU in logits (.334 < .515) and not in probabilities (.0062 > .0057)."""
    ranks = {
        space: {dot.setting: dot.rank for dot in dots(results, f"noise_l2_{space}", SETTINGS)}
        for space in ("logits", "probabilities")
    }
    assert ranks["logits"] == {"base": 1, "tanh": 2, "high_lr": None}
    assert ranks["probabilities"] == {"base": 2, "tanh": 1, "high_lr": None}


def test_null_controls_stand_beside_the_value_and_undefined_ones_do_not(results):
    [dot, *_] = dots(results, "lz76_path", SETTINGS, ["shuffled", "true_labels", "initial"])
    assert dot.controls == {"shuffled": pytest.approx(17.3), "initial": pytest.approx(2.7)}


def test_a_curve_has_mean_and_interval_over_seeds_after_each_epoch(results):
    found = {curve.setting: curve for curve in curves(results, "lz76_path", SETTINGS)}
    assert list(found["base"].epochs) == [1, 2, 3, 4]
    last = found["base"].intervals[-1]
    values = [results.finished["base", seed].curves["val/lz76_path"][-1][1] for seed in range(5)]
    assert last.n == 5
    assert last.mean == pytest.approx(sum(values) / 5)
    assert last.low is not None
    assert last.low < last.mean


def test_undefined_points_of_a_curve_are_left_out():
    job = Job(setting="a", seed=0, status="FINISHED", curves={"val/flip_rate": [(0, math.nan), (1, 0.5)]})
    [curve] = curves(Results(name="", about={}, base="a", jobs=[job]), "flip_rate", ["a"])
    assert (list(curve.epochs), [of.mean for of in curve.intervals]) == ([2], [0.5])


@pytest.mark.parametrize(
    ("labels", "found"),
    [([7], [(7, 1)]), ([3, 3, 8, 8], [(3, 0.5), (8, 0.5)]), ([3, -1, 3, 3], [(3, 0.25), (-1, 0.25), (3, 0.5)])],
)
def test_a_path_is_cut_into_stretches_of_one_label(labels, found):
    assert [(of.label, of.width) for of in stretches(labels)] == found


# Marks


def test_settings_differ_in_their_markers_and_not_in_colour_alone():
    marks = looks(many(MOST)).values()
    assert len({look.marker for look in marks}) == MOST
    long = [f"{'long ' * 10}{number}{' name' * 10}" for number in range(3)]
    assert len(set(short_names(long).values())) == 3
    assert len({(look.colour, look.dashes) for look in list(marks)[:7]}) == 7


def test_of_too_many_settings_the_most_accurate_and_the_base_are_drawn_and_that_is_said():
    results = many(MOST + 3)
    assert list(looks(results)) == ["s0", *(f"s{number}" for number in range(4, MOST + 3))]
    [of] = figures(results).pictures
    assert f"Of {MOST + 3} settings the {MOST} of the best accuracy are drawn." in of.caption


def test_degenerate_settings_are_marked_by_name(results):
    assert looks(results)["high_lr"].name == "high_lr †"
    alive = changed(results, "high_lr", 0, figures={"test/degenerate": 0.0, "test/accuracy": 0.9})
    assert looks(alive)["high_lr"].name == "high_lr † 4 of 5"


def test_a_dead_setting_is_said_to_be_off_the_scale(drawn):
    [svg, *_] = as_svgs(picture(drawn, "accuracy_against_complexity"))
    assert "off the scale (x, y): high_lr † (2.000, 0.098" in " ".join(texts(svg))


# What is drawn, and what is not


def test_every_figure_is_drawn_where_there_are_numbers(drawn):
    names = "accuracy_against_complexity sensitivity_by_setting null_controls learning_curves labels_along_paths"
    assert [of.name for of in drawn.pictures] == names.split()
    assert drawn.omitted == []


def test_captions_state_n_data_and_epochs(drawn):
    for of in drawn.pictures:
        assert "Data: mnist, 10 epochs." in of.caption
    assert "n = 5 seeds" in picture(drawn, "sensitivity_by_setting").caption
    assert "the lowest seed" in picture(drawn, "labels_along_paths").caption


def test_of_one_seed_no_interval_is_drawn_and_that_is_said():
    found = figures(realistic(("base", "tanh"), seeds=[0]))
    assert "one seed: there are no intervals" in picture(found, "sensitivity_by_setting").caption
    assert "Lines are one seed's" in picture(found, "learning_curves").caption


@pytest.mark.parametrize(
    ("without", "said"),
    [("test/accuracy", "accuracy"), ("null/", "null controls"), ("test/noise", "sensitivity"), ("test/lz76", "null")],
)
def test_a_figure_without_its_numbers_is_left_out_and_that_is_said(results, without, said):
    jobs = [
        replace(job, figures={name: of for name, of in job.figures.items() if not name.startswith(without)})
        for job in results.jobs
    ]
    found = figures(replace(results, jobs=jobs))
    assert any(why.startswith(said) for why in found.omitted)
    assert all(as_svgs(of) for of in found.pictures)


def test_without_curves_and_paths_their_figures_are_left_out_and_that_is_said(results):
    bare = replace(results, paths={}, jobs=[replace(job, curves={}) for job in results.jobs])
    assert [why.partition(":")[0] for why in figures(bare).omitted] == ["learning curves", "the function along paths"]


def test_a_sweep_without_a_finished_job_has_no_figures(results):
    running = replace(results, jobs=[replace(job, status="RUNNING") for job in results.jobs])
    assert figures(running) == Figures([], ["all: no job has finished"])


def test_infinite_and_zero_values_are_drawn_without_a_warning(results):
    infinite = changed(results, "tanh", 0, figures={"test/noise_l2_logits": 1.7976931348623157e308})
    wild = changed(infinite, "base", 0, figures={"test/noise_l2_logits": 0.0})
    svg = as_svgs(picture(figures(wild), "sensitivity_by_setting"))[0]
    assert "infinite values" in texts(svg)


# Files


def test_files_are_the_same_bytes_when_built_again(drawn):
    again = figures(realistic(SETTINGS))
    assert as_files(picture(again, "labels_along_paths")) == as_files(picture(drawn, "labels_along_paths"))


def test_files_are_fit_for_a_paper(drawn, tmp_path):
    files = as_files(picture(drawn, "learning_curves"))
    assert list(files) == ["learning_curves.png", "learning_curves.pdf"]
    (tmp_path / "figure.png").write_bytes(files["learning_curves.png"])
    with Image.open(tmp_path / "figure.png") as image:
        assert image.width == 2100  # 7 inches of 300 points
    pdf = files["learning_curves.pdf"]
    assert b"/FontFile2" in pdf  # TrueType, embedded
    assert b"CreationDate" not in pdf


def test_the_users_own_style_changes_no_figure_and_is_left_alone(drawn):
    of = picture(drawn, "labels_along_paths")
    before = as_svgs(of)
    with matplotlib.rc_context({"font.size": 30, "axes.grid": True, "svg.hashsalt": "mine"}):
        assert as_svgs(of) == before
        assert matplotlib.rcParams["font.size"] == 30


def test_the_pages_panels_need_no_address_and_follow_its_colours(drawn):
    for of in drawn.pictures:
        for svg in as_svgs(of):
            assert "http" not in svg
            assert "var(--ink)" in svg
            assert "<style" not in svg


def test_ids_are_unique_on_the_page(drawn):
    ids = [name for of in drawn.pictures for svg in as_svgs(of) for name in re.findall(r' id="([^"]*)"', svg)]
    assert len(ids) == len(set(ids))


def test_every_stretch_of_a_path_is_labelled_in_words(drawn):
    [first, second] = as_svgs(picture(drawn, "labels_along_paths"))
    assert texts(first).count("5") == 2  # the short stretches of base and tanh
    assert {"3", "8", "1"} <= set(texts(first))
    assert texts(second).count("not finite") == 3


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "$x$ & \\frac", 'id="a" url(#b)', "a\nb"])
def test_any_name_is_drawn_as_it_is(results, name):
    found = figures(renamed(results, "tanh", name))
    svg = as_svgs(picture(found, "labels_along_paths"))[0]
    assert "<script" not in svg
    assert " ".join(name.split()) in [unescape(text) for text in texts(svg)]


def test_a_name_that_the_font_lacks_is_no_warning(results):
    assert as_files(picture(figures(renamed(results, "tanh", "設定")), "labels_along_paths"))
