"""Learning curves of complexity and sensitivity."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from simplicity_sweep.report.figures.key import key_of_settings
from simplicity_sweep.report.figures.picture import Panel, Picture
from simplicity_sweep.report.figures.style import Look, scale_log
from simplicity_sweep.report.labels import label, measured
from simplicity_sweep.report.results import Results
from simplicity_sweep.report.statistics import INFINITE, Interval, mean_interval

_MOST_PANELS = 8


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One setting's figure over training.

    Attributes:
        setting: which.
        epochs: how many were trained before each point: 1 after the first.
        intervals: mean and 95 % interval over the seeds that have the point.
        dead: whether a network of it is degenerate in the end.
    """

    setting: str
    epochs: Sequence[int]
    intervals: Sequence[Interval]
    dead: bool = False


def curves(results: Results, measurement: str, settings: Sequence[str]) -> list[Curve]:
    """The curve of each setting that has one, on the validation set; undefined and infinite points are left out."""
    found = []
    for setting in settings:
        by_epoch: dict[int, list[float]] = {}
        for seed in results.seeds:
            job = results.finished.get((setting, seed))
            for epoch, value in job.curves.get(f"val/{measurement}", ()) if job else ():
                if abs(value) < INFINITE:  # NaN is not
                    by_epoch.setdefault(epoch + 1, []).append(value)
        if by_epoch:
            epochs = sorted(by_epoch)
            intervals = [mean_interval(by_epoch[epoch]) for epoch in epochs]
            dead = bool(results.degenerate(setting))
            found.append(Curve(setting=setting, epochs=epochs, intervals=intervals, dead=dead))
    return found


def learning_curves(results: Results, marks: Mapping[str, Look], source: str) -> Picture | str:
    """The figure, or why there is none."""
    names = [*measured(results, "complexity"), *measured(results, "sensitivity")]
    found = {name: of for name in names if (of := curves(results, name, list(marks)))}
    if not found:
        return "learning curves: nothing was measured while the networks were trained"
    shown = list(found)[:_MOST_PANELS]
    draws = {name: partial(_draw, found=found[name], marks=marks, measurement=name) for name in shown}
    panels = [Panel(title=label(name).text.capitalize(), draw=draw) for name, draw in draws.items()]
    counts = {interval.n for of in found.values() for curve in of for interval in curve.intervals}
    more = f" Not drawn: {', '.join(list(found)[_MOST_PANELS:])}." if len(found) > _MOST_PANELS else ""
    lines = (
        f"Lines are means over up to {max(counts)} seeds, bands their 95 % intervals (Student's t)"
        if max(counts) > 1
        else "Lines are one seed's"
    )
    caption = f"{lines}; on the validation set.{more} {source}"
    return Picture(
        name="learning_curves",
        title="Complexity and sensitivity while the networks learn",
        caption=caption,
        panels=[*panels, key_of_settings(marks, lines=True)],
        columns=3,
    )


def _draw(axes: Axes, found: Sequence[Curve], marks: Mapping[str, Look], measurement: str) -> None:
    for number, curve in enumerate(found):
        look = marks[curve.setting]
        means = [interval.mean for interval in curve.intervals]
        every = max(len(means) // 4, 1)
        axes.plot(
            curve.epochs, means, color=look.colour, marker=look.marker, markersize=3.5,
            linestyle=(0, look.dashes) if look.dashes else "-", markevery=(number % every, every),
        )  # fmt: skip
        low, high = ([math.nan if end is None else end for end in ends] for ends in _ends(curve))
        axes.fill_between(curve.epochs, low, high, color=look.colour, alpha=0.15, linewidth=0)
    scale_log(axes, "y", [interval.mean for curve in found for interval in curve.intervals if not curve.dead])
    axes.grid()
    axes.set_axisbelow(True)
    axes.set_xlabel("epochs trained")
    axes.set_ylabel(label(measurement).unit or measurement)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))


def _ends(curve: Curve) -> tuple[list[float | None], list[float | None]]:
    return [of.low for of in curve.intervals], [of.high for of in curve.intervals]
