"""The key of a figure: which mark is whose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from simplicity_sweep.report.figures.picture import Panel
from simplicity_sweep.report.figures.style import INK, Look

_HEAD, _ROW = 0.35, 0.16  # inches


def key_of_settings(marks: Mapping[str, Look], lines: bool = False) -> Panel:
    """A panel that names each setting's mark, and its line where `lines` are drawn."""
    handles = [
        Line2D(
            [],
            [],
            color=look.colour,
            marker=look.marker,
            linestyle=(0, look.dashes) if lines and look.dashes else "-",
            label=look.name,
        )
        for look in marks.values()
    ]
    return _key("Settings", handles)


def key_of_marks(title: str, marks: Mapping[str, str]) -> Panel:
    """A panel that says what each marker means."""
    handles = [
        Line2D([], [], color=INK, marker=marker, linestyle="none", markersize=6, label=name)
        for name, marker in marks.items()
    ]
    return _key(title, handles)


def _key(title: str, handles: Iterable[Line2D]) -> Panel:
    shown = list(handles)
    return Panel(title=title, draw=partial(_draw_key, handles=shown), height=_HEAD + _ROW * len(shown))


def _draw_key(axes: Axes, handles: list[Line2D]) -> None:
    axes.set_axis_off()
    axes.legend(handles=handles, loc="upper left", borderaxespad=0, borderpad=0, handlelength=3.5)
