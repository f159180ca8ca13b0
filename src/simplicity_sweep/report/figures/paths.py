"""What the networks say along straight paths between inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby

from matplotlib.axes import Axes

from simplicity_sweep.report.figures.picture import Panel, Picture
from simplicity_sweep.report.figures.style import BLACK, WHITE, Look, ground, name_rows
from simplicity_sweep.report.results import Path, Results

_MOST_PATHS = 6
_WIDE = 0.045  # share of a path on which a label has room
_HEIGHT = 0.62  # of a strip, of the room between settings


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Neighbouring points of a path with one label.

    Attributes:
        label: the predicted class; −1 where the output is not finite.
        start: where it begins, as a share of the path.
        width: how much of the path it is.
    """

    label: int
    start: float
    width: float

    @property
    def text(self) -> str:
        """What is written on it."""
        return str(self.label) if self.label >= 0 else "not finite"


def stretches(labels: Sequence[int]) -> list[Stretch]:
    """A path's labels, equal neighbours taken together.

    Example:
        >>> [(of.label, of.start, of.width) for of in stretches([3, 3, 3, 8])]
        [(3, 0.0, 0.75), (8, 0.75, 0.25)]
    """
    found: list[Stretch] = []
    at = 0
    for value, group in groupby(labels):
        count = len(list(group))
        found.append(Stretch(label=value, start=at / len(labels), width=count / len(labels)))
        at += count
    return found


def labels_along_paths(results: Results, marks: Mapping[str, Look], source: str) -> Picture | str:
    """The figure, or why there is none."""
    settings = [setting for setting in marks if results.paths.get(setting)]
    if not settings:
        if results.task.name != "classification":
            return f"the function along paths: drawn for classes only, and this is task={results.task.name}"
        return "the function along paths: no labels along paths were kept"
    ends = _ends(results, settings)
    panels = [
        Panel(
            title=f"From class {start} to class {end}",
            draw=partial(_draw, found=_strips(results, settings, place), marks=marks),
            height=0.75 + 0.2 * len(settings),
        )
        for place, (start, end) in ends.items()
    ]
    caption = (
        "The class that each setting's network says along the straight line between two test inputs, evenly spaced; "
        "the number on a stretch is the class, numbers above it those of stretches too short to write on. One network "
        f"each, that of the lowest seed. {source}"
    )
    return Picture(
        name="labels_along_paths", title="The function along paths between inputs", caption=caption, panels=panels
    )


def _ends(results: Results, settings: Sequence[str]) -> dict[int, tuple[int, int]]:
    """By their place, the ends of the first paths between different classes, those of other pairs of classes first."""
    paths = results.paths[settings[0]]
    shared = min(len(results.paths[setting]) for setting in settings)
    ends = {place: (path.start, path.end) for place, path in enumerate(paths[:shared])}
    seen: dict[frozenset[int], int] = {}
    for place, pair in ends.items():
        if len(set(pair)) == 2:
            seen.setdefault(frozenset(pair), place)
    chosen = [*seen.values(), *(place for place in ends if place not in seen.values())]
    return {place: ends[place] for place in chosen[:_MOST_PATHS]}


def _strips(results: Results, settings: Sequence[str], place: int) -> dict[str, Path]:
    return {setting: results.paths[setting][place] for setting in settings}


def _draw(axes: Axes, found: Mapping[str, Path], marks: Mapping[str, Look]) -> None:
    for row, path in enumerate(found.values()):
        _draw_strip(axes, row, stretches(path.labels))
    ends = next(iter(found.values()))
    name_rows(axes, marks, list(found))
    axes.spines["bottom"].set_visible(False)
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.5, 1], [f"class {ends.start}", "half-way", f"class {ends.end}"])


def _draw_strip(axes: Axes, row: int, found: Sequence[Stretch]) -> None:
    for of in found:
        colour = ground(of.label) if of.label >= 0 else WHITE
        hatch = "" if of.label >= 0 else "////"
        axes.broken_barh(
            [(of.start, of.width)], (row - _HEIGHT / 2, _HEIGHT), facecolor=colour, edgecolor=WHITE, linewidth=0.8,
            hatch=hatch, hatchcolor=BLACK,
        )  # fmt: skip
    for wide, group in groupby(found, key=lambda of: of.width >= _WIDE):
        for text, middle in _texts(list(group), wide):
            if wide:
                axes.text(middle, row, text, ha="center", va="center_baseline", fontsize=6.5, color=BLACK)
            else:
                axes.text(middle, row - _HEIGHT / 2 - 0.02, text, ha="center", va="bottom", fontsize=5)


def _texts(group: Sequence[Stretch], wide: bool) -> list[tuple[str, float]]:
    """What is written and where its middle is: on each wide stretch its label, above short neighbours all of theirs."""
    if wide:
        return [(of.text, of.start + of.width / 2) for of in group]
    end = group[-1].start + group[-1].width
    return [(" ".join(of.text for of in group), (group[0].start + end) / 2)]
