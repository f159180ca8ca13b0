"""A figure of several panels: in a file for a paper, and panel by panel for the page."""

from __future__ import annotations

import io
import logging
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from html import escape

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simplicity_sweep.report.figures.style import FAINT, INK, MUTED, PAGE_WIDTH, PANEL_WIDTH, drawing

logging.getLogger("fontTools").setLevel(logging.WARNING)  # it reports every table of a font that it shortens

_DPI = 300
# The page's own colours in place of a paper's.
_VARIABLES = {INK: "var(--ink)", MUTED: "var(--muted)", FAINT: "var(--faint)"}


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One pair of axes.

    Attributes:
        title: what is shown.
        draw: draws it.
        height: inches.
    """

    title: str
    draw: Callable[[Axes], None]
    height: float = 2.4


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A figure.

    Attributes:
        name: of its files, without an ending.
        title: what it shows.
        caption: how it is read: n, data, what bars and marks are, what was left out.
        panels: its parts, row by row.
        columns: how many panels stand side by side over a paper's two columns.
    """

    name: str
    title: str
    caption: str
    panels: Sequence[Panel]
    columns: int = 2


def as_files(picture: Picture) -> dict[str, bytes]:
    """The figure over a paper's two columns, by the files' names; the same bytes each time.

    The PNG has 300 points an inch on white, the PDF vectors and its fonts.
    """
    with drawing():
        figure = _figure(picture.panels, picture.columns, PAGE_WIDTH)
        return {
            f"{picture.name}.png": _saved(figure, "png", {"Software": None}),
            f"{picture.name}.pdf": _saved(figure, "pdf", {"CreationDate": None, "Producer": None, "Creator": None}),
        }


def as_svgs(picture: Picture) -> list[str]:
    """Each panel as an element for a page that has the colours `--ink`, `--muted` and `--faint`."""
    with drawing():
        texts = [_saved(_figure([panel], 1, PANEL_WIDTH), "svg", {"Date": None}).decode() for panel in picture.panels]
    return [
        _inline(text, f"{picture.name}-{number}", panel.title)
        for number, (panel, text) in enumerate(zip(picture.panels, texts, strict=True))
    ]


def _saved(figure: Figure, kind: str, metadata: Mapping[str, None]) -> bytes:
    data = io.BytesIO()
    figure.savefig(data, format=kind, dpi=_DPI, transparent=kind == "svg", metadata=dict(metadata))
    return data.getvalue()


def _figure(panels: Sequence[Panel], columns: int, width: float) -> Figure:
    columns = min(columns, len(panels))
    rows = math.ceil(len(panels) / columns)
    heights = [max(panel.height for panel in panels[row * columns : (row + 1) * columns]) for row in range(rows)]
    figure = Figure(figsize=(width, sum(heights)), layout="constrained")
    grid = figure.add_gridspec(rows, columns, height_ratios=heights)
    for number, panel in enumerate(panels):
        axes = figure.add_subplot(grid[divmod(number, columns)])
        axes.set_title(panel.title)
        panel.draw(axes)
    figure.draw_without_rendering()  # lays it out, once for all files
    figure.set_layout_engine("none")
    return figure


def _inline(svg: str, name: str, title: str) -> str:
    """An SVG file as an element of a page: without addresses, with ids of its own, the page's colours and font."""
    body = svg[svg.index("<svg") :]
    for rest in (r"<metadata>.*?</metadata>", r"<style.*?</style>", r"<defs>\s*</defs>"):
        body = re.sub(rest, "", body, flags=re.DOTALL)
    body = re.sub(r"<[^>]*>", partial(_adapted, name=name), body)
    body = re.sub(r' (?:width|height)="[^"]*pt"', "", body, count=2)
    return body.replace("<svg ", f'<svg role="img" aria-label="{escape(title)}" ', 1).strip()


def _adapted(tag: re.Match[str], name: str) -> str:
    text = re.sub(r' xmlns(:\w+)?="[^"]*"', "", tag[0]).replace("xlink:href", "href")
    text = re.sub(r'( id="|href="#|url\(#)', rf"\g<1>{name}-", text)
    text = re.sub(r"font-family: [^;]*; ", "", text)
    text = re.sub(r"(\.\d\d)\d+", r"\g<1>", text)  # a hundredth of a point can't be seen
    return re.sub(r"((?:fill|stroke): )(#[0-9a-f]{6})", lambda found: found[1] + _on_page(found[2]), text)


def _on_page(colour: str) -> str:
    return _VARIABLES.get(colour, colour)
