"""What a search found, trial by trial."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from simplicity_sweep.report.figures.key import key_of_marks
from simplicity_sweep.report.figures.picture import Panel, Picture
from simplicity_sweep.report.figures.style import INK, MUTED, scale_log
from simplicity_sweep.report.labels import on_validation
from simplicity_sweep.report.search.history import best_so_far, hypervolume_so_far
from simplicity_sweep.report.search.trials import Search, Trial
from simplicity_sweep.report.statistics import INFINITE

_BEST = "#d55e00"  # Okabe and Ito's vermilion
_MARKS = {"on the front": "D", "the best": "D", "complete": "o", "breaks a limit": "x", "pruned": "v"}


def search_history(search: Search, source: str) -> Picture | str:
    """The figure, or why there is none: each objective by trial, and how far the search had come."""
    shown = [trial for trial in search.trials if trial.state in ("COMPLETE", "PRUNED") and _finite(trial)]
    if not any(trial.counts for trial in shown):
        return "the search: no trial is complete and keeps the limits"
    names = list(search.objectives)
    panels = [
        Panel(title=_title(name), draw=partial(_draw_values, search=search, trials=shown, place=place))
        for place, name in enumerate(names)
    ]
    if len(names) == 2:
        panels.append(Panel(title="The front", draw=partial(_draw_front, search=search, trials=shown)))
    if len(names) > 1 and (reached := hypervolume_so_far(search)):
        draw = partial(_draw_hypervolume, search=search, reached=reached)
        panels.append(Panel(title="Hypervolume so far", draw=draw))
    present = {_kind(search, trial) for trial in shown}
    key = key_of_marks("Trials", {kind: marker for kind, marker in _MARKS.items() if kind in present})
    line = "The line is the best so far. " if len(names) == 1 else ""
    return Picture(
        name="search_history",
        title="What the search found, trial by trial",
        caption=f"Each mark is a trial, on the validation set. {line}{_about_volume(names)}{source}",
        panels=[*panels, key],
    )


def _about_volume(names: Sequence[str]) -> str:
    if len(names) == 1:
        return ""
    return (
        "Hypervolume: what the trials so far dominate, counted from the worst of all in each objective, as a share of "
        "what the whole search reached. "
    )


def _title(name: str) -> str:
    text = on_validation(name)
    return f"{text[:1].upper()}{text[1:]}"


def _finite(trial: Trial) -> bool:
    return bool(trial.values) and all(abs(value) < INFINITE for value in trial.values)


def _kind(search: Search, trial: Trial) -> str:
    if trial.state == "PRUNED":
        return "pruned"
    if not trial.keeps:
        return "breaks a limit"
    if trial in search.front:
        return "on the front" if len(search.objectives) > 1 else "the best"
    return "complete"


def _mark(axes: Axes, search: Search, trial: Trial, x: float, y: float) -> None:
    kind = _kind(search, trial)
    colour = {"on the front": _BEST, "the best": _BEST, "complete": INK}.get(kind, MUTED)
    axes.plot([x], [y], _MARKS[kind], color=colour, markersize=4.5 if colour == _BEST else 3.5, zorder=3)


def _draw_values(axes: Axes, search: Search, trials: Iterable[Trial], place: int) -> None:
    shown = list(trials)
    for trial in shown:
        _mark(axes, search, trial, trial.number, trial.values[place])
    if len(search.objectives) == 1:
        best = best_so_far(search)
        axes.step([trial.number for trial in search.trials], best, where="post", color=_BEST, linewidth=0.9, zorder=2)
    scale_log(axes, "y", [trial.values[place] for trial in shown])
    _by_trial(axes)
    axes.set_ylabel(on_validation(list(search.objectives)[place]))


def _draw_front(axes: Axes, search: Search, trials: Iterable[Trial]) -> None:
    for trial in trials:
        x, y = trial.values
        _mark(axes, search, trial, x, y)
    first, second = ([trial.values[place] for trial in search.front] for place in range(2))
    axes.step(first, second, where="post", color=_BEST, linewidth=0.9, zorder=2)
    axes.grid()
    axes.set_axisbelow(True)
    axes.locator_params(nbins=4)
    across, up = map(on_validation, search.objectives)
    axes.set_xlabel(across)
    axes.set_ylabel(up)


def _draw_hypervolume(axes: Axes, search: Search, reached: Sequence[float]) -> None:
    axes.step([trial.number for trial in search.trials], reached, where="post", color=_BEST)
    axes.set_ylim(0, 1.05)
    _by_trial(axes)
    axes.set_ylabel("share of the last")


def _by_trial(axes: Axes) -> None:
    axes.grid()
    axes.set_axisbelow(True)
    axes.set_xlabel("trial")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
