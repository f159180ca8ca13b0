"""What would change a recommendation: other limits, other weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np

from simplicity_sweep.report.decision.bounds import roundest
from simplicity_sweep.report.decision.candidates import Array
from simplicity_sweep.report.decision.requirements import Limit, Requirements, Side, Wish
from simplicity_sweep.report.decision.rule import ROUNDING, Case, meets, position

HEAVIEST = 10
"""Weights are tried up to so many times what they are, and down to one part in so many."""

_INSIDE = (0.05, 0.25)  # where, between two turning points, a number is looked for: near the first, but not on it


Kind = Literal["tighter", "looser", "added", "weight"]
Limits = tuple[Limit, ...]
Ask = Callable[[Limit], Requirements]


@dataclass(frozen=True, kw_only=True)
class Change:
    """The nearest change of one requirement that changes the recommendation.

    Attributes:
        kind: a hard limit made tighter, or looser, or stated besides; an objective's weight.
        stated: the requirement as it is stated; for a limit that is added, the objective that it makes hard.
        instead: as it would have to read; a limit that is added, in whole.
        setting: who would then be recommended; None if no setting were admissible.
    """

    kind: Kind
    stated: str
    instead: str
    setting: str | None

    @property
    def text(self) -> str:
        """As a sentence."""
        then = self.setting or "no setting would be admissible"
        if self.kind == "added":
            return f"If `{self.instead}` were required as well: {then}."
        asked = "wished for" if self.kind == "weight" else "required"
        return f"If `{self.instead}` were {asked} instead of `{self.stated}`: {then}."


def changes(case: Case, requirements: Requirements) -> list[Change]:
    """For each requirement, the nearest other number with which another setting is recommended, where there is one.

    Each holds as it is stated: with `instead` in place of `stated`, or besides, the rule recommends `setting`. Only
    one requirement is changed at a time, a weight up to tenfold and down to a tenth.
    """
    now = case.chosen(requirements)
    if now is None:
        return []
    return [
        *_limits_moved(case, requirements, now),
        *_limits_added(case, requirements, now),
        *_weights_changed(case, requirements, now),
    ]


def _limits_moved(case: Case, requirements: Requirements, now: str) -> Iterator[Change]:
    admissible = case.verdict(requirements).admissible
    for index, limit in enumerate(requirements.require):
        before, behind = requirements.require[:index], requirements.require[index + 1 :]

        def ask(other: Limit, before: Limits = before, behind: Limits = behind) -> Requirements:
            return replace(requirements, require=(*before, other, *behind))

        positions = position(limit, case.means)
        out = case.verdict(replace(requirements, require=(*before, *behind))).admissible & ~meets(limit, case.means)
        yield from _first(case, now, "tighter", str(limit), ask, _tightened(limit, positions[admissible]))
        yield from _first(case, now, "looser", str(limit), ask, _loosened(limit, positions[out]))


def _limits_added(case: Case, requirements: Requirements, now: str) -> Iterator[Change]:
    admissible = case.verdict(requirements).admissible

    def ask(other: Limit) -> Requirements:
        return replace(requirements, require=(*requirements.require, other))

    for objective in requirements.prefer:
        if not isinstance(objective, Wish):
            limits = [objective.limit]
        else:
            side: Side = "<=" if objective.aim == "minimise" else ">="
            if any((limit.metric, limit.side) == (objective.metric, side) for limit in requirements.require):
                continue
            limit = Limit(metric=objective.metric, side=side, number=0)
            limits = list(_tightened(limit, case.means[limit.metric][admissible]))
        possible = [limit for limit in limits if case.chosen(ask(limit)) is not None]
        yield from _first(case, now, "added", str(objective), ask, possible)


def _first(case: Case, now: str, kind: Kind, stated: str, ask: Ask, limits: Iterable[Limit]) -> Iterator[Change]:
    """The first of some limits with which another setting is chosen, if any."""
    for limit in limits:
        then = case.chosen(ask(limit))
        if then != now:
            yield Change(kind=kind, stated=stated, instead=str(limit), setting=then)
            return


def _tightened(limit: Limit, positions: Array) -> Iterator[Limit]:
    """A limit that one more setting fails each time, until all do; one to the best mean has the best left."""
    steps = _distinct(limit.sign * positions)
    width = steps[-1] - steps[-2] if len(steps) > 1 else abs(steps[-1]) / 10 or 1.0
    beyond = [] if limit.to_best else [steps[-1] + width]
    for here, there in pairwise([*steps, *beyond]):
        yield limit.moved(limit.sign * _between(here, there))


def _loosened(limit: Limit, positions: Array) -> Iterator[Limit]:
    """A limit that one more setting meets each time, until all do."""
    steps = _distinct(-limit.sign * positions)
    for here, there in pairwise([*steps, *(2 * step + limit.sign * limit.number for step in steps[-1:])]):
        yield limit.moved(-limit.sign * _between(here, there))


def _distinct(positions: Array) -> list[float]:
    """Ascending, without those that differ by rounding only."""
    found: list[float] = []
    for here in sorted(positions.tolist()):
        if not found or here - found[-1] > ROUNDING * abs(here):
            found.append(here)
    return found


def _between(here: float, there: float) -> float:
    """A short number beyond the first of two, far from the second."""
    near, far = (here + share * (there - here) for share in _INSIDE)
    return roundest(near, far)


def _weights_changed(case: Case, requirements: Requirements, now: str) -> Iterator[Change]:
    for index, objective in enumerate(requirements.prefer):
        for way, most in ((1, HEAVIEST - 1.0), (-1, 1 - 1 / HEAVIEST)):
            turn = _turning_points(case, requirements, index, way, most * objective.weight)
            if turn is None:
                continue
            near, far = (objective.weight + way * distance for distance in turn)
            other = replace(objective, weight=_between(near, far))
            prefer = (*requirements.prefer[:index], other, *requirements.prefer[index + 1 :])
            then = case.chosen(replace(requirements, prefer=prefer))
            if then != now:
                yield Change(kind="weight", stated=str(objective), instead=str(other), setting=then)


def _turning_points(
    case: Case, requirements: Requirements, index: int, way: int, most: float
) -> tuple[float, float] | None:
    """How much an objective's weight must grow (way 1) or shrink (−1) before another setting wins, and up to where it
    surely does, for a weight is not changed by half again without need; None if `most` is not enough.

    With the regrets given, a score is a straight line over a weight, and where two cross is known.
    """
    verdict = case.verdict(requirements)
    regrets = verdict.regrets[verdict.admissible]
    totals = regrets @ np.array([objective.weight for objective in requirements.prefer])
    slopes = way * regrets[:, index]
    first = _crossing(totals, slopes, int(np.argmax(verdict.best[verdict.admissible])))
    if first is None or first[0] >= most:
        return None
    distance, winner = first
    second = _crossing(totals, slopes, winner)
    near = distance + (requirements.prefer[index].weight + way * distance) / 2
    return distance, near if second is None else min(second[0], near)


def _crossing(totals: Array, slopes: Array, of: int) -> tuple[float, int] | None:
    """Where the first flatter line crosses one, and which: of several the flattest, which wins behind it."""
    flatter = [row for row in range(len(slopes)) if slopes[of] - slopes[row] > ROUNDING]
    if not flatter:
        return None
    crossings = {row: float((totals[row] - totals[of]) / (slopes[of] - slopes[row])) for row in flatter}
    nearest = min(crossings.values())
    there = [row for row in flatter if crossings[row] <= nearest + ROUNDING * (1 + nearest)]
    return nearest, min(there, key=lambda row: float(slopes[row]))
