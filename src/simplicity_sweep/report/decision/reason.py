"""Why a setting is recommended and how sure that is, in words."""

from __future__ import annotations

from collections.abc import Sequence

from simplicity_sweep.report.decision.bounds import told
from simplicity_sweep.report.decision.certainty import Certainty
from simplicity_sweep.report.decision.relaxation import Relaxation
from simplicity_sweep.report.decision.requirements import Objective, Requirements, Wish
from simplicity_sweep.report.decision.rule import ROUNDING
from simplicity_sweep.report.decision.standing import Standing
from simplicity_sweep.report.labels import counted, label

_CERTAIN, _LIKELY, _LEANING = 0.95, 0.8, 0.5  # shares of the draws of seeds

_NAMED = 3  # of the others that might be chosen

_UNABLE = {
    "unfinished": "have no finished job",
    "degenerate": "have degenerate networks, whose calm is not stability",
    "undefined": "lack a figure that is asked about",
}


def reason(requirements: Requirements, standings: Sequence[Standing], relaxations: Sequence[Relaxation]) -> str:
    """Why this setting, or why none."""
    admissible = [standing for standing in standings if standing.score is not None]
    if admissible:
        return " ".join([*_choice(requirements, standings, admissible), *_in_detail(requirements, admissible)])
    if relaxations:
        return f"No setting meets every hard limit. {relaxations[0].text}"
    counts = {state: sum(standing.state == state for standing in standings) for state in _UNABLE}
    why = [f"{count} of {len(standings)} {_UNABLE[state]}" for state, count in counts.items() if count]
    return f"No setting can be recommended: {', '.join(why)}."


def how_sure(requirements: Requirements, standings: Sequence[Standing], certainty: Certainty | None) -> str:
    """How much of a choice is owed to the seeds that happened to be drawn."""
    recommended = next((standing for standing in standings if standing.state == "recommended"), None)
    if certainty is None:
        judged = any(standing.seeds for standing in standings)
        return "How sure this is can't be said from one seed; sweep several, such as seed=0,1,2,3,4." if judged else ""
    draws = f"{certainty.resamples} draws of the {counted(certainty.seeds, 'seed')}"
    shares = {setting: share for setting, share in certainty.chosen.items() if share > 0}
    if recommended is None:
        others = _shares(shares)
        return f"In {_percent(certainty.nothing)} of {draws} no setting is admissible{f'; {others}' if others else ''}."
    if not requirements.prefer:
        share = certainty.admissible[recommended.setting]
        return " ".join([f"In {_percent(share)} of {draws} it meets every hard limit.", *_limits(recommended)])
    share = shares.pop(recommended.setting, 0.0)
    rest = [*([_shares(shares)] if shares else []), *([_nothing(certainty)] if certainty.nothing else [])]
    return " ".join(
        [
            f"{_verbal(share)}: in {_percent(share)} of {draws} the same setting is chosen"
            f"{''.join(f'; {other}' for other in rest)}.",
            *_limits(recommended),
        ]
    )


def called(metric: str) -> str:
    """A measurement's name for people, with the one that it is asked for by.

    Example:
        >>> called("flip_rate"), called("accuracy"), called("my_own")
        ('labels flipped by noise (flip_rate)', 'test accuracy', 'my_own')
    """
    text = label(metric).text
    return text if metric in text else f"{text} ({metric})"


def _choice(requirements: Requirements, standings: Sequence[Standing], admissible: Sequence[Standing]) -> list[str]:
    best, others = admissible[0], admissible[1:]
    first = f"{best.setting} is recommended."
    of, limited = counted(len(standings), "setting"), bool(requirements.require)
    if not others:
        return [first, f"It is the only one of {of} that {'meets every hard limit' if limited else 'can be chosen'}."]
    among = f"Of {of}, {len(admissible)} {'meet every hard limit' if limited else 'can be chosen'}"
    if not requirements.prefer:
        return [first, f"{among}; no wish says which of them is better."]
    everywhere = not any(best.regrets.values())
    how = "it is the best in every wish" if everywhere else "it comes closest to the best in all wishes at once"
    return [first, f"{among}; of these {how}." if len(requirements.prefer) > 1 else f"{among}."]


def _in_detail(requirements: Requirements, admissible: Sequence[Standing]) -> list[str]:
    best, others = admissible[0], admissible[1:]
    if not requirements.prefer or not others:
        return []
    details = [_detail(objective, admissible) for objective in requirements.prefer]
    second = others[0]
    assert best.score is not None
    assert second.score is not None
    behind = second.score - best.score
    next_best = f"Next comes {second.setting}, behind by {behind:.2g} times the usual spread between runs."
    within = "Of these it" if len(details) == 1 else "It"
    return [f"{within} has {'; '.join(details)}.", *([next_best] if behind > ROUNDING else [])]


def _detail(objective: Objective, admissible: Sequence[Standing]) -> str:
    recommended = admissible[0]
    value = recommended.means[objective.metric]
    name = called(objective.metric)
    if not isinstance(objective, Wish):
        missed = recommended.missed[str(objective)]
        kept = f"which misses `{objective.limit}` by {told(missed)}" if missed else f"which keeps `{objective.limit}`"
        return f"{name} {told(value, objective.limit.number)}, {kept}"
    best = min(admissible, key=lambda standing: standing.regrets[str(objective)])
    extreme = "lowest" if objective.aim == "minimise" else "highest"
    if recommended.regrets[str(objective)] == 0:
        return f"the {extreme} {name}, {told(value)}"
    other = best.means[objective.metric]
    return f"{name} {told(value, other)}, where the {extreme} is {told(other, value)} ({best.setting})"


def _limits(recommended: Standing) -> list[str]:
    unsure = [check for check in recommended.checks if check.sure is False]
    if unsure:
        return [
            f"Its mean meets `{check.limit}`, but its 95 % interval over seeds reaches beyond the limit"
            + (f" (met in {_percent(check.share)} of the draws)." if check.share is not None else ".")
            for check in unsure
        ]
    known = recommended.checks and all(check.sure for check in recommended.checks)
    return ["Its 95 % intervals over seeds lie within every hard limit."] if known else []


def _verbal(share: float) -> str:
    share = round(share, 2)  # as it is shown
    if share >= _CERTAIN:
        return "Very likely"
    if share >= _LIKELY:
        return "Likely"
    return "More likely than not" if share >= _LEANING else "Open"


def _shares(shares: dict[str, float]) -> str:
    named = [f"{setting} in {_percent(share)}" for setting, share in list(shares.items())[:_NAMED]]
    rest = list(shares.values())[_NAMED:]
    return ", ".join([*named, *([f"{len(rest)} more in {_percent(sum(rest))}"] if rest else [])])


def _nothing(certainty: Certainty) -> str:
    return f"in {_percent(certainty.nothing)} nothing is admissible"


def _percent(share: float) -> str:
    """In whole percent, but never 0 or 100 where it is not.

    Example:
        >>> _percent(0.9996), _percent(0.123), _percent(0.0)
        ('more than 99 %', '12 %', '0 %')
    """
    if 0 < share < 0.005:
        return "less than 1 %"
    return "more than 99 %" if 0.995 <= share < 1 else f"{100 * share:.0f} %"
