"""The report's page: what it says first, what it warns of, and that it needs nothing but itself."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from html import escape
from itertools import product
from pathlib import Path

import pytest

from simplicity_sweep.report.decision.choice import decide
from simplicity_sweep.report.decision.requirements import parse
from simplicity_sweep.report.effects import effects
from simplicity_sweep.report.figures import Figures, figures
from simplicity_sweep.report.findings.verdicts import findings
from simplicity_sweep.report.importance import importances
from simplicity_sweep.report.page import Report, page
from simplicity_sweep.report.results import Results
from simplicity_sweep.report.search.importance import search_importances
from simplicity_sweep.report.table import table
from tests.report.reader import Reader
from tests.report.realistic import changed, realistic, renamed
from tests.report.search.searched import random_search

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ASKED = parse(["accuracy >= 0.96"], ["minimise noise_l2_probabilities", "maximise lz76_path weight 2"])
NONE_ASKED = "Nothing is asked for. State `decide.require`."
WIDTHS = (320, 390, 1280)  # of a small phone, a phone, a desktop


def report(results: Results, decided: bool = True, drawn: bool = False) -> Report:
    """Everything about some results; figures only where they are looked at, since drawing takes its time."""
    return Report(
        results=results,
        decision=decide(results, ASKED, resamples=200) if decided else NONE_ASKED,
        rows=table(results),
        figures=figures(results) if drawn else Figures([], ["all: not in this test"]),
        effects=effects(results),
        findings=findings(results),
        importances=importances(results),
        sought=search_importances(results.search) if results.search else (),
        rebuild="make report",
        files={"table.csv": "the table"},
    )


@pytest.fixture(scope="module")
def results() -> Results:
    return realistic()


@pytest.fixture(scope="module")
def whole(results: Results) -> str:
    """A page with everything on it."""
    return page(report(results, drawn=True))


def said(results: Results, decided: bool = True) -> str:
    """What the page says, as one line of text."""
    return Reader(page(report(results, decided))).text


# What it says first


def test_the_first_screen_says_what_on_which_data_what_is_recommended_and_how_sure(whole, results):
    first = Reader(whole).text.partition("Decision Table Figures")[0]
    assert f"Recommended: {decide(results, ASKED).recommended} How sure" in first
    assert re.search(r"How sure .* in .+ % of 200 draws of the 5 seeds", first)
    assert "7 settings: base, tanh, sigmoid, leaky_relu, deeper, lower_lr, high_lr" in first
    assert "mnist, 10 epochs, each setting trained 5 times" in first
    assert "test accuracy at least 0.96; noise response, probabilities as low as possible" in first


def test_without_requirements_nothing_is_recommended_and_the_reason_is_said(results):
    text = said(results, decided=False)
    assert "7 settings compared, none recommended" in text
    assert "Nothing is asked for. State decide.require ." in text


def test_where_no_setting_is_admissible_the_page_says_what_to_relax(results):
    impossible = replace(report(results), decision=decide(results, parse(["accuracy >= 0.999"], []), resamples=200))
    text = Reader(page(impossible)).text
    assert "No setting can be recommended" in text
    assert re.search(r"What to relax Relax accuracy >= 0.999 to accuracy >= 0.97", text)


def test_the_page_holds_table_effects_findings_and_provenance(whole):
    text = Reader(whole).text
    assert "2.000 ± 0" in text  # the dead network's path complexity
    assert re.search(r"↓ −3\d % lower", text)  # tanh's noise response in logits, .334 against .515
    assert "Complexity is about the same in every setting" in text
    assert re.search(r"✓ holds under \d", text)
    assert "0123456789ab" in text
    assert "make report" in text


# What it warns of


def test_a_complete_sweep_has_nothing_to_warn_of():
    assert "Know before you rely on this" not in said(realistic(("base", "tanh")))


def test_a_running_sweep_is_said(results):
    text = said(changed(results, "tanh", 4, status="RUNNING", figures={}))
    assert "1 job is still running: every figure here can change." in text
    assert "tanh, seed 4: running" in text


def test_failed_and_missing_cells_are_listed_and_counted(results):
    failed = changed(results, "tanh", 3, status="FAILED", failure="RuntimeError: <no> memory")
    text = said(replace(failed, jobs=failed.jobs[1:]))
    assert "2 of 35 cells have no result." in text
    assert "base, seed 0: no run was recorded" in text
    assert "tanh, seed 3: failed: RuntimeError: <no> memory" in text
    assert "n = 4 of 5" in text


def test_one_seed_and_few_seeds_are_said():
    text = said(realistic(seeds=[0]))
    assert "One seed only: there are no intervals" in text
    assert "each setting trained once" in text
    assert "3 seeds are few" in said(realistic(seeds=range(3)))


def test_degenerate_networks_are_said(results):
    text = said(results)
    assert "high_lr: 5 of 5 networks" in text
    assert "high_lr † 5 degenerate" in text


def test_a_metric_that_is_undefined_everywhere_is_said_with_its_reason():
    assert "noise_relative: the outputs are constant" in said(realistic(("high_lr",)), decided=False)


def test_a_sweep_without_a_finished_job_has_a_page(results):
    jobs = [replace(job, status="RUNNING", figures={}) for job in results.jobs]
    text = said(replace(results, jobs=jobs, paths={}, notes=["It runs still."]), decided=False)
    assert "It runs still." in text
    assert "No job has finished" in text
    assert "35 jobs are still running" in text


# What it is made of


def test_the_page_is_the_same_bytes_when_built_again(whole):
    assert page(report(realistic(), drawn=True)) == whole


def test_tags_are_balanced_and_ids_unique(whole):
    attributes = Reader(whole).attributes
    ids = [value for _, name, value in attributes if name == "id"]
    assert len(ids) == len(set(ids))
    inner = {value[1:] for _, name, value in attributes if name == "href" and value.startswith("#")}
    assert inner <= set(ids)
    assert {value for _, name, value in attributes if name == "aria-labelledby"} <= set(ids)


def test_the_page_refers_to_nothing_outside_itself(whole):
    for tag, name, value in Reader(whole).attributes:
        assert name not in ("src", "srcset", "data", "action", "style") or "http" not in value, (tag, name, value)
        if name == "href":
            assert value.startswith("#"), (tag, value)
    assert not re.search(r"@import|url\((?!#)|<script|<link|//\w", whole.replace("</", ""))
    assert len(whole.encode()) < 3_000_000


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7 * 7 }}", "a & b"]
)
def test_names_are_escaped_wherever_they_stand(results, name):
    evil = renamed(renamed(results, "tanh", name), "base", f"base {name}")
    about = {"data": name, name: name}
    evil = replace(changed(evil, name, 0, status="FAILED", failure=name), name=name, notes=[name], about=about)
    reader = Reader(page(report(evil, drawn="script" in name)))
    assert {tag for tag, _, _ in reader.attributes} & {"script", "img"} == set()
    assert not any(attribute.startswith("on") for _, attribute, _ in reader.attributes)
    assert reader.text.count(name) > 10


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_text_has_enough_contrast(whole, mode):
    """WCAG 2: 4.5 to 1."""
    light, dark = re.findall(r":root \{[^}]*--paper[^}]*\}", whole)[:2]
    colours = dict(re.findall(r"--(\w+): (#\w+)", light if mode == "light" else dark))
    for text, ground in product(("ink", "muted", "accent"), ("paper", "raised")):
        assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)


def contrast(*colours: str) -> float:
    dark, light = sorted(map(luminance, colours))
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium to draw the page: apt-get install chromium")
def test_the_page_is_no_wider_than_its_window(results, tmp_path):
    """Measured in frames as wide as the window would be, since Chromium's own has a least width."""
    wide = renamed(results, "tanh", "activation=tanh depth=very_deep optim.lr=0.001 and_a_name_without_any_space" * 2)
    framed = escape(page(report(wide, drawn=True)))
    frames = [f'<iframe width="{width}" height="900" style="border: 0" srcdoc="{framed}"></iframe>' for width in WIDTHS]
    script = """<script>onload = () => { document.title = [...document.querySelectorAll("iframe")].map(
        of => of.contentWindow.innerWidth + (of.contentDocument.documentElement.scrollWidth
            - of.contentDocument.documentElement.clientWidth)) }</script>"""
    (tmp_path / "frames.html").write_text("".join(frames) + script, encoding="utf-8")
    title = re.search(r"<title>(.*?)</title>", dumped(tmp_path / "frames.html"))
    assert title is not None
    assert title[1] == ",".join(map(str, WIDTHS))  # with what is too wide added


def dumped(file: Path) -> str:
    """The file's document after Chromium has drawn it."""
    assert CHROMIUM is not None
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
    options += ["--disable-background-networking", "--disable-component-update", f"--user-data-dir={file}.profile"]
    command = [CHROMIUM, *options, "--dump-dom", file.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def test_a_search_has_its_section_and_another_sweep_none(results: Results) -> None:
    tried = random_search(pruner="MedianPruner", objectives={"val/accuracy": "maximize"})
    strange = replace(tried.trials[4], params={"activation": "<script>x</script>", "optim.lr": 0.1})  # which has failed
    found = replace(results, search=replace(tried, trials=[*tried.trials[:4], strange, *tried.trials[5:]]))
    html = page(report(found))
    assert 'href="#search"' in html
    assert "<script>x" not in html
    assert escape("<script>x</script>") in html
    pruned = [one for one in tried.trials if one.state == "PRUNED"]
    assert html.count("pruned after 2 epochs") == len(pruned) > 0
    assert f"{len(pruned)} pruned by MedianPruner" in html
    assert "Importance for the search" in html
    without = page(report(results))
    assert 'href="#search"' not in without
    assert "Importance for the search" not in without
