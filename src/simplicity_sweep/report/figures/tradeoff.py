"""How good settings are against how complex."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from matplotlib.axes import Axes

from simplicity_sweep.report.figures.dots import draw_interval, means_and_bars
from simplicity_sweep.report.figures.key import key_of_settings
from simplicity_sweep.report.figures.picture import Panel, Picture
from simplicity_sweep.report.figures.style import MUTED, Look
from simplicity_sweep.report.labels import label, measured
from simplicity_sweep.report.results import Results, array
from simplicity_sweep.report.rounding import rounded
from simplicity_sweep.report.statistics import INFINITE, Interval, mean_interval

_MOST_PANELS = 5
_LINE = 48  # characters that a panel is wide


@dataclass(frozen=True, kw_only=True)
class Point:
    """One setting's complexity and headline figure.

    Attributes:
        setting: which.
        complexity: mean and interval over seeds.
        headline: likewise.
        seeds: both of the single ones.
        dead: whether a network of it is degenerate.
    """

    setting: str
    complexity: Interval
    headline: Interval
    seeds: Sequence[tuple[float, float]]
    dead: bool


def points(results: Results, complexity: str, settings: Sequence[str]) -> list[Point]:
    """A point for each setting that has both, from the seeds that have both."""
    found = []
    for setting in settings:
        x = results.values(setting, f"test/{complexity}")
        y = results.values(setting, f"test/{results.task.headline}")
        both = {seed: (x[seed], y[seed]) for seed in sorted(x.keys() & y.keys())}
        if both and all(abs(value) < INFINITE for pair in both.values() for value in pair):
            point = Point(
                setting=setting,
                complexity=mean_interval(array({seed: pair[0] for seed, pair in both.items()})),
                headline=mean_interval(array({seed: pair[1] for seed, pair in both.items()})),
                seeds=list(both.values()),
                dead=bool(results.degenerate(setting)),
            )
            found.append(point)
    return found


def headline_against_complexity(results: Results, marks: Mapping[str, Look], source: str) -> Picture | str:
    """The figure, or why there is none."""
    complexities = measured(results, "complexity")
    headline = results.task.headline
    if headline not in results.measurements or not complexities:
        return f"{headline} against complexity: a complexity or the {headline} was not measured"
    found = {name: points(results, name, list(marks)) for name in complexities[:_MOST_PANELS]}
    panels = [
        Panel(
            title=label(name).text.capitalize(),
            draw=partial(_draw, found=of, marks=marks, complexity=name, headline=headline),
        )
        for name, of in found.items()
        if of
    ]
    if not panels:
        return f"{headline} against complexity: no setting has both"
    counts = [point.complexity.n for of in found.values() for point in of]
    return Picture(
        name=f"{headline}_against_complexity",
        title=f"{label(headline).text.removeprefix('test ').capitalize()} against complexity",
        caption=f"{means_and_bars(counts)} {source}",
        panels=[*panels, key_of_settings(marks)],
    )


def _draw(axes: Axes, found: Sequence[Point], marks: Mapping[str, Look], complexity: str, headline: str) -> None:
    """Degenerate settings lie so far off that the others would become one mark: they are said, not drawn."""
    living = [point for point in found if not point.dead] or found
    for point in living:
        _draw_point(axes, point, marks[point.setting])
    _say_off_scale(axes, [f"{marks[point.setting].name} {_place(point)}" for point in found if point not in living])
    axes.grid()
    axes.set_axisbelow(True)
    axes.set_xlabel(label(complexity).unit or complexity)
    axes.set_ylabel(label(headline).axis)
    axes.locator_params(nbins=4)


def _say_off_scale(axes: Axes, off: Sequence[str]) -> None:
    """Between the title and the axes."""
    if not off:
        return
    lines = textwrap.wrap("off the scale (x, y): " + ", ".join(off), _LINE)
    axes.set_title(axes.get_title(loc="left") + "\n" * len(lines))
    axes.annotate(
        "\n".join(lines), (0, 1), xytext=(0, 6), xycoords="axes fraction", textcoords="offset points", va="bottom",
        fontsize=6.5, color=MUTED,
    )  # fmt: skip


def _draw_point(axes: Axes, point: Point, look: Look) -> None:
    for x, y in point.seeds:
        axes.plot([x], [y], ".", color=look.colour, alpha=0.5, markersize=2.5, zorder=2)
    x, y = point.complexity.mean, point.headline.mean
    draw_interval(axes, x, y, point.complexity, look)
    draw_interval(axes, x, y, point.headline, look, along="y")


def _place(point: Point) -> str:
    x, y = (rounded(of.mean).plain for of in (point.complexity, point.headline))
    return f"({x}, {y})"
