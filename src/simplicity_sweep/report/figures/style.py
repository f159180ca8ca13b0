"""How figures look: the colours and marks of settings, sizes, and the light and the dark page."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import matplotlib
import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

from simplicity_sweep.report.labels import label, short_names
from simplicity_sweep.report.results import Results, array

MOST = 12
"""How many settings are drawn: more can't be told apart."""

PAGE_WIDTH = 7.0
"""Inches that a figure over a paper's two columns has."""

PANEL_WIDTH = 3.0
"""Inches of one panel by itself."""

INK, MUTED, FAINT = "#1a1a19", "#6b6b6a", "#d9d9d8"
"""Text and axes, what matters less, and grid lines. On the page each is replaced by the page's own."""

BLACK, WHITE = "#000000", "#ffffff"
"""Text on a coloured ground and the lines between such grounds, on any page."""

# Okabe and Ito 2008, without its yellow, which is too pale for lines on white; its black is the page's ink.
_COLOURS = (INK, "#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", "h", ">", "*", "p")
_DASHES = ((), (5, 1.5), (1.2, 1.2), (6, 1.5, 1.2, 1.5), (3, 1), (8, 2), (1.2, 2.4))

# Tol's light scheme, made for grounds of labelled cells, and a violet; labels beyond begin anew, told apart by text.
_GROUNDS = (
    "#77aadd", "#ee8866", "#eedd88", "#ffaabb", "#99ddff", "#44bb99", "#bbcc33", "#dddddd", "#aaaa00", "#c9b3e0",
)  # fmt: skip

_RC = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that every machine draws the same
    "font.size": 7.5,
    "axes.titlesize": 8,
    "axes.titlelocation": "left",
    "axes.labelsize": 7.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "axes.formatter.use_mathtext": False,
    "axes.unicode_minus": True,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "text.color": INK,
    "text.parse_math": False,  # a `$` in a setting's name is a `$`
    "grid.color": FAINT,
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.1,
    "lines.markersize": 4.5,
    "legend.frameon": False,
    "legend.fontsize": 7.5,
    "hatch.linewidth": 0.6,
    "pdf.fonttype": 42,  # fonts embedded whole, as journals ask
    "ps.fonttype": 42,
    "svg.fonttype": "none",  # text stays text: to be read, found and copied
    "svg.hashsalt": "simplicity-sweep",
}


@dataclass(frozen=True)
class Look:
    """A setting's name and marks, the same in all figures.

    Attributes:
        name: short; `†` marks degenerate networks.
        colour: as `#rrggbb`.
        marker: of points.
        dashes: of lines; empty for a whole one.
    """

    name: str
    colour: str
    marker: str
    dashes: tuple[float, ...]


@contextmanager
def drawing() -> Iterator[None]:
    """Matplotlib's own defaults and this style, whatever the user's are; afterwards the user's again."""
    with matplotlib.style.context(["default", _RC]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font")  # a box is drawn in its place
        yield


def looks(results: Results) -> dict[str, Look]:
    """How each setting is drawn that is: all, or the `MOST` best with the base among them."""
    drawn = _drawn(results)
    names = short_names(drawn)
    return {
        setting: Look(
            names[setting] + _dagger(results, setting),
            _COLOURS[number % len(_COLOURS)],
            _MARKERS[number % len(_MARKERS)],
            _DASHES[number % len(_DASHES)],
        )
        for number, setting in enumerate(drawn)
    }


def left_out(results: Results) -> str:
    """Which settings are not drawn, as a sentence; empty where all are."""
    if len(results.settings) <= MOST:
        return ""
    headline = label(results.task.headline).text.removeprefix("test ")
    return f"Of {len(results.settings)} settings the {MOST} of the best {headline} are drawn."


def ground(class_label: int) -> str:
    """The colour on which a class's label is written."""
    return _GROUNDS[class_label % len(_GROUNDS)]


def scale_log(axes: Axes, name: Literal["x", "y"], values: Sequence[float]) -> bool:
    """Makes an axis logarithmic where its values are positive and span more than a factor of fifty; whether it did."""
    if not values or min(values) <= 0 or max(values) <= 50 * min(values):
        return False
    axes.set(**{f"{name}scale": "log"})
    axis = axes.xaxis if name == "x" else axes.yaxis
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())
    return True


def name_rows(axes: Axes, marks: Mapping[str, Look], settings: Sequence[str]) -> None:
    """One row for each setting, the first on top, its name at the left."""
    axes.set_yticks(range(len(settings)), [marks[setting].name for setting in settings])
    axes.set_ylim(len(settings) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _drawn(results: Results) -> list[str]:
    if len(results.settings) <= MOST:
        return results.settings
    found = {setting: array(results.values(setting, f"test/{results.task.headline}")) for setting in results.settings}
    good = {setting: float(values.mean()) if len(values) else -math.inf for setting, values in found.items()}
    others = sorted(results.settings[1:], key=lambda setting: (-good[setting], setting))
    kept = {results.base, *others[: MOST - 1]}
    return [setting for setting in results.settings if setting in kept]


def _dagger(results: Results, setting: str) -> str:
    dead = len(results.degenerate(setting))
    of = sum(cell[0] == setting for cell in results.finished)
    return "" if not dead else " †" if dead == of else f" † {dead} of {of}"
