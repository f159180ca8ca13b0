"""All figures of a sweep."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from matplotlib.axes import Axes

from simplicity_sweep.report.figures.curves import learning_curves
from simplicity_sweep.report.figures.dots import control_marker, dots, draw_dots, means_and_bars
from simplicity_sweep.report.figures.key import key_of_marks
from simplicity_sweep.report.figures.paths import labels_along_paths
from simplicity_sweep.report.figures.picture import Panel, Picture
from simplicity_sweep.report.figures.search import search_history
from simplicity_sweep.report.figures.style import Look, left_out, looks
from simplicity_sweep.report.figures.tradeoff import headline_against_complexity
from simplicity_sweep.report.labels import CONTROLS, common_keys, controls, label, measured
from simplicity_sweep.report.results import Results


@dataclass(frozen=True)
class Figures:
    """What was drawn, and what could not be.

    Attributes:
        pictures: in the order in which they are read.
        omitted: each figure that is missing, and why.
    """

    pictures: Sequence[Picture]
    omitted: Sequence[str]


def figures(results: Results) -> Figures:
    """All figures for which there are numbers; settings have the same marks in each."""
    marks, source = looks(results), _source(results)
    makers: Sequence[Callable[[Results, Mapping[str, Look], str], Picture | str]] = (
        headline_against_complexity,
        sensitivity_by_setting,
        null_controls,
        learning_curves,
        labels_along_paths,
    )
    made: list[Picture | str] = [] if results.search is None else [search_history(results.search, source)]
    made += [make(results, marks, source) for make in makers] if results.finished else ["all: no job has finished"]
    return Figures(
        [picture for picture in made if isinstance(picture, Picture)], [why for why in made if isinstance(why, str)]
    )


def sensitivity_by_setting(results: Results, marks: Mapping[str, Look], source: str) -> Picture | str:
    """The figure, or why there is none; logits and probabilities stand side by side."""
    names = measured(results, "sensitivity")
    if not names:
        return "sensitivity by setting: no sensitivity was measured"
    found = {name: dots(results, name, list(marks)) for name in names}
    counts = [dot.interval.n for of in found.values() for dot in of]
    return Picture(
        name="sensitivity_by_setting",
        title="Sensitivity by setting",
        caption=f"{means_and_bars(counts)} #1 is the most sensitive of the settings without degenerate "
        f"networks, by its mean: logits and probabilities may rank in opposite order. {source}",
        panels=[_panel(name, partial(draw_dots, found=of, marks=marks, measurement=name, ranks=True), len(marks))
                for name, of in found.items()],
    )  # fmt: skip


def null_controls(results: Results, marks: Mapping[str, Look], source: str) -> Picture | str:
    """The figure, or why there is none."""
    names = {name: of for name in measured(results, "complexity") if (of := controls(results, name))}
    if not names:
        return "null controls: none was measured"
    found = {name: dots(results, name, list(marks), of) for name, of in names.items()}
    counts = [dot.interval.n for of in found.values() for dot in of]
    kinds = dict.fromkeys(control for of in names.values() for control in of)
    key = key_of_marks("Null controls", {CONTROLS.get(kind, kind): control_marker(kind) for kind in kinds})
    panels = [
        _panel(name, partial(draw_dots, found=of, marks=marks, measurement=name, ranks=False), len(marks))
        for name, of in found.items()
    ]
    return Picture(
        name="null_controls",
        title="Complexities beside their null controls",
        caption=f"{means_and_bars(counts)} Above each its null controls: what the same measurement says "
        "where there is nothing to find. A complexity that does not differ from them says nothing about training. "
        f"{source}",
        panels=[*panels, key],
    )


def _panel(measurement: str, draw: Callable[[Axes], None], settings: int) -> Panel:
    return Panel(title=label(measurement).text.capitalize(), draw=draw, height=0.85 + 0.2 * settings)


def _source(results: Results) -> str:
    """What every caption ends with."""
    about = results.about
    data = f"Data: {about['data']}" if "data" in about else ""
    epochs = f"{about['epochs']} epochs" if "epochs" in about else ""
    drawn = list(looks(results))
    keys = common_keys(drawn)
    dead = any(results.degenerate(setting) for setting in drawn)
    sentences = [
        ", ".join(part for part in (data, epochs) if part),
        f"Settings by {keys}" if keys else "",
        "† degenerate networks" if dead else "",
        left_out(results).rstrip("."),
    ]
    return " ".join(f"{sentence}." for sentence in sentences if sentence)
