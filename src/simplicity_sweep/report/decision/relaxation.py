"""Which hard limits to relax, and by how much, where no setting meets them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from simplicity_sweep.report.decision.bounds import roundest, told
from simplicity_sweep.report.decision.candidates import Array
from simplicity_sweep.report.decision.requirements import Limit, Requirements
from simplicity_sweep.report.decision.rule import Case, best_mean, margin, position

_MORE = 0.01  # of what is needed, by which a limit may be relaxed further, for a rounder number


@dataclass(frozen=True, kw_only=True)
class Relaxed:
    """One hard limit, relaxed.

    Attributes:
        stated: the limit as it is stated.
        instead: as it would have to read.
        by: how far the bound moves, in the measurement's unit.
        share: `by` as a share of the bound; of the largest mean where the bound is 0.
    """

    stated: str
    instead: str
    by: float
    share: float


@dataclass(frozen=True, kw_only=True)
class Relaxation:
    """Hard limits to relax together so that a setting is admissible.

    Attributes:
        limits: each of them, in the order in which they are stated.
        setting: who would then be recommended.
        cost: the sum of their shares.
    """

    limits: Sequence[Relaxed]
    setting: str
    cost: float

    @property
    def text(self) -> str:
        """As a sentence."""
        steps = [
            f"`{limit.stated}` to `{limit.instead}` (by {told(limit.by)}, {_percent(limit.share)} of the bound)"
            for limit in self.limits
        ]
        return f"Relax {' and '.join(steps)}: then {self.setting} would be recommended."


def relaxations(case: Case, requirements: Requirements) -> list[Relaxation]:
    """What to relax so that something is admissible, the cheapest first; empty where something is.

    As few limits as possible are relaxed: one where that is enough, else two, and so on. Of each such choice of
    limits the smallest sum of shares of the bounds counts. Each holds as it is stated: with every `instead` in place
    of its `stated`, the rule recommends `setting`.
    """
    needed = np.array([np.maximum(-margin(limit, case.means), 0) for limit in requirements.require])
    failed = needed > 0  # [limits, settings]
    if not len(case.settings) or not failed.any(axis=0).all():
        return []
    shares = needed / np.array([[_size(limit, case)] for limit in requirements.require])
    counts = failed.sum(axis=0)
    cheapest: dict[tuple[int, ...], int] = {}
    for row in sorted(np.flatnonzero(counts == counts.min()).tolist(), key=lambda row: float(shares[:, row].sum())):
        cheapest.setdefault(tuple(np.flatnonzero(failed[:, row]).tolist()), row)
    found = [_relaxation(case, requirements, which, row) for which, row in cheapest.items()]
    return sorted(found, key=lambda relaxation: relaxation.cost)


def _relaxation(case: Case, requirements: Requirements, which: Sequence[int], row: int) -> Relaxation:
    require = list(requirements.require)
    for index in which:
        require[index] = _relaxed(require[index], float(position(require[index], case.means)[row]))
    setting = case.chosen(replace(requirements, require=tuple(require)))
    assert setting is not None
    limits = [_told(case, requirements.require[index], require[index]) for index in which]
    return Relaxation(limits=limits, setting=setting, cost=sum(limit.share for limit in limits))


def _relaxed(limit: Limit, needed: float) -> Limit:
    return limit.moved(roundest(needed, needed + _MORE * (needed - limit.number)))


def _told(case: Case, limit: Limit, relaxed: Limit) -> Relaxed:
    by = abs(relaxed.number - limit.number)
    return Relaxed(stated=str(limit), instead=str(relaxed), by=by, share=by / _size(limit, case))


def _size(limit: Limit, case: Case) -> float:
    """What a limit's relaxation is a share of."""
    bound = limit.number + (float(best_mean(limit, case.means)[0]) if limit.to_best else 0)
    largest: Array = np.abs(case.means[limit.metric]).max()
    return abs(bound) or float(largest) or 1.0


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"
