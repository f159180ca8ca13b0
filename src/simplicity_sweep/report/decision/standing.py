"""How each setting of a sweep stands against what is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from simplicity_sweep.report.decision.bounds import told
from simplicity_sweep.report.decision.candidates import Candidates, Excluded, LeftOut
from simplicity_sweep.report.decision.certainty import Certainty, Check
from simplicity_sweep.report.decision.requirements import Requirements, SoftLimit
from simplicity_sweep.report.decision.rule import Case, Verdict, losses, pareto_front

State = Literal["recommended", "admissible", "inadmissible"] | LeftOut


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One setting.

    Attributes:
        setting: which.
        state: what became of it. `unfinished`, `degenerate` and `undefined` ones can't be chosen whatever is asked.
        why: why it is neither recommended nor admissible, as a sentence without its full stop; else empty.
        seeds: those whose results are behind its means; empty where it can't be chosen.
        means: by measurement, of those that are asked about.
        checks: each hard limit held against it, in the order in which they are stated.
        regrets: by wish or soft limit, as text, how many standard deviations it lacks to the best admissible setting;
            empty where it is not admissible.
        missed: by soft limit, as text, by how much its mean misses it; 0 where it keeps it.
        score: their weighted mean, the lower the better; None where it is not admissible.
        on_front: whether no other admissible setting beats it in one wish or soft limit and equals it in the others.
        share: how often it would be chosen, see `Certainty`; None where that can't be said.
    """

    setting: str
    state: State
    why: str = ""
    seeds: Sequence[int] = ()
    means: Mapping[str, float] = field(default_factory=dict)
    checks: Sequence[Check] = ()
    regrets: Mapping[str, float] = field(default_factory=dict)
    missed: Mapping[str, float] = field(default_factory=dict)
    score: float | None = None
    on_front: bool = False
    share: float | None = None


def standings(
    requirements: Requirements,
    found: Candidates,
    excluded: Sequence[Excluded],
    case: Case,
    verdict: Verdict,
    checks: Mapping[str, Sequence[Check]],
    certainty: Certainty | None,
) -> list[Standing]:
    """Every setting: the recommended one, the admissible by their score, the inadmissible, those left out.

    Among equals the base comes first, the others by name.
    """
    front = pareto_front(requirements, case.means, verdict.admissible)
    judged = [
        Standing(
            setting=setting,
            state="recommended"
            if row == verdict.choice
            else "admissible"
            if verdict.admissible[row]
            else "inadmissible",
            why=_why(checks[setting]),
            seeds=[seed for seed, finished in zip(found.seeds, found.finished[row], strict=True) if finished],
            means={metric: float(means[row]) for metric, means in case.means.items()},
            checks=checks[setting],
            regrets=_regrets(requirements, verdict, row),
            missed=_missed(requirements, case, row),
            score=float(verdict.scores[row]) if verdict.admissible[row] else None,
            on_front=bool(front[row]),
            share=certainty.chosen[setting] if certainty else None,
        )
        for row, setting in enumerate(found.settings)
    ]
    order = ["recommended", "admissible", "inadmissible"]
    judged.sort(key=lambda standing: (order.index(standing.state), round(standing.score or 0, 9)))
    return [*judged, *(Standing(setting=out.setting, state=out.state, why=out.why) for out in excluded)]


def _regrets(requirements: Requirements, verdict: Verdict, row: int) -> dict[str, float]:
    if not verdict.admissible[row]:
        return {}
    return {
        str(objective): float(regret)
        for objective, regret in zip(requirements.prefer, verdict.regrets[row], strict=True)
    }


def _missed(requirements: Requirements, case: Case, row: int) -> dict[str, float]:
    soft = [objective for objective in requirements.prefer if isinstance(objective, SoftLimit)]
    return {str(objective): float(losses(objective, case.means)[row]) for objective in soft}


def _why(checks: Sequence[Check]) -> str:
    failed = [check for check in checks if not check.met]
    return " and ".join(
        f"its mean {check.limit.metric} is {told(check.mean, check.bound)}, not {_bound(check)}" for check in failed
    )


def _bound(check: Check) -> str:
    relative = f" ({str(check.limit).partition(' ')[2]})" if check.limit.to_best else ""
    return f"{check.limit.side} {told(check.bound, check.mean)}{relative}"
