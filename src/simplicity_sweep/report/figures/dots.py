"""One row for each setting and a point for its mean: what sensitivities and complexities are compared by."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from simplicity_sweep.report.figures.style import INK, MUTED, Look, name_rows, scale_log
from simplicity_sweep.report.labels import label, over_seeds
from simplicity_sweep.report.results import Results, array
from simplicity_sweep.report.statistics import INFINITE, Interval, mean_interval

_CONTROL_MARKERS = {"shuffled": "x", "true_labels": "|", "initial": "+"}


@dataclass(frozen=True, kw_only=True)
class Dot:
    """One setting's figure.

    Attributes:
        setting: which.
        interval: mean and 95 % interval over seeds.
        values: the single seeds'.
        dead: whether a network of it is degenerate.
        rank: 1 for the largest mean among the settings without degenerate networks; None for the others.
        controls: by null control, its mean over seeds.
    """

    setting: str
    interval: Interval
    values: Sequence[float]
    dead: bool = False
    rank: int | None = None
    controls: Mapping[str, float] = field(default_factory=dict)


def dots(results: Results, measurement: str, settings: Sequence[str], controls: Sequence[str] = ()) -> list[Dot]:
    """A dot for each setting, in the order given.

    Args:
        results: of the sweep.
        measurement: MLflow's name of it without `test/`.
        settings: which.
        controls: names of null controls that go with it.
    """
    values = {setting: array(results.values(setting, f"test/{measurement}")) for setting in settings}
    intervals = {setting: mean_interval(values[setting]) for setting in settings}
    healthy = [
        setting for setting in settings if not math.isnan(intervals[setting].mean) and not results.degenerate(setting)
    ]
    ranked = sorted(healthy, key=lambda setting: -intervals[setting].mean)
    return [
        Dot(
            setting=setting,
            interval=intervals[setting],
            values=[float(value) for value in values[setting] if abs(value) < INFINITE],
            dead=bool(results.degenerate(setting)),
            rank=ranked.index(setting) + 1 if setting in ranked else None,
            controls=_control_means(results, setting, measurement, controls),
        )
        for setting in settings
    ]


def _control_means(results: Results, setting: str, measurement: str, controls: Sequence[str]) -> dict[str, float]:
    means = {
        name: mean_interval(array(results.values(setting, f"null/{measurement}/{name}"))).mean for name in controls
    }
    return {name: mean for name, mean in means.items() if not math.isnan(mean)}


def draw_dots(axes: Axes, found: Sequence[Dot], marks: Mapping[str, Look], measurement: str, ranks: bool) -> None:
    """Draws means with their intervals, the single seeds faintly, and null controls where there are any."""
    for row, dot in enumerate(found):
        _draw_dot(axes, row, dot, marks[dot.setting])
    _scale(axes, found)
    name_rows(axes, marks, [dot.setting for dot in found])
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    axes.set_xlabel(label(measurement).unit or measurement)
    if ranks:
        _draw_ranks(axes, found)


def _scale(axes: Axes, found: Sequence[Dot]) -> None:
    """From 0, or logarithmic where the living networks' values need it."""
    ends = [end for dot in found for end in (dot.interval.low, dot.interval.high) if end is not None]
    numbers = [number for dot in found for number in (*dot.values, *dot.controls.values())]
    living = [number for dot in found if not dot.dead for number in (*dot.values, *dot.controls.values())]
    if min(numbers, default=-1) < 0 or (min(numbers) > 0 and scale_log(axes, "x", living)):
        return
    axes.set_xlim(0, 1.06 * max(*numbers, *ends, 1e-12))
    axes.xaxis.set_major_locator(MaxNLocator(4))


def draw_interval(axes: Axes, x: float, y: float, of: Interval, look: Look, along: str = "x") -> None:
    """A mean's mark, and its interval where there is one."""
    axes.plot([x], [y], look.marker, color=look.colour, markeredgecolor=look.colour, zorder=4, clip_on=False)
    if of.low is not None and of.high is not None:
        ends = ([of.low, of.high], [y, y]) if along == "x" else ([x, x], [of.low, of.high])
        axes.plot(*ends, color=look.colour, solid_capstyle="butt", zorder=3)


def means_and_bars(counts: Collection[int]) -> str:
    """What marks, bars and dots are, for a caption.

    Args:
        counts: from how many seeds each mark is.
    """
    if max(counts, default=0) <= 1:
        return "Marks are the values of one seed: there are no intervals."
    return f"Marks are means, {over_seeds(counts)}; bars their 95 % intervals (Student's t); small dots single seeds."


def control_marker(name: str) -> str:
    """How a null control is drawn."""
    return _CONTROL_MARKERS.get(name, "1")


def _draw_dot(axes: Axes, row: int, dot: Dot, look: Look) -> None:
    for value in dot.values:
        axes.plot([value], [row + 0.22], ".", color=look.colour, alpha=0.5, markersize=2.5, clip_on=False)
    for name, value in dot.controls.items():
        axes.plot([value], [row - 0.24], control_marker(name), color=INK, markersize=4.5, clip_on=False)
    if not math.isnan(dot.interval.mean):
        draw_interval(axes, dot.interval.mean, row, dot.interval, look)
        return
    why = (dot.interval.reason if dot.interval.n else None) or "undefined"
    axes.annotate(why, (0.02, row), xycoords=axes.get_yaxis_transform(), va="center", color=MUTED)


def _draw_ranks(axes: Axes, found: Sequence[Dot]) -> None:
    for row, dot in enumerate(found):
        text = "–" if dot.rank is None else f"#{dot.rank}"
        place = (1.05, row)
        axes.annotate(text, place, xycoords=axes.get_yaxis_transform(), ha="center", va="center", annotation_clip=False)
