"""What a trial of a claim showed, in words and numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from simplicity_sweep.report.effects import FLAG
from simplicity_sweep.report.findings.claims import MARGIN, Claim, constant_sequence
from simplicity_sweep.report.findings.trials import Comparison, Trial
from simplicity_sweep.report.labels import CONTROLS, controls, counted, over_seeds
from simplicity_sweep.report.results import Results, array
from simplicity_sweep.report.statistics import mean_interval

_MOST_SHOWN = 4  # comparisons in a sentence; of more, the smallest and the largest


def evidence(claim: Claim, results: Results, definition: str, trial: Trial, left_out: Sequence[str]) -> str:
    """Sentences: what was found, what that shows, the null controls' values, the dead networks, and what is left out.

    Args:
        claim: which was tried.
        results: the sweep's.
        definition: the measurement.
        trial: with corrected p values.
        left_out: settings that weren't compared, and why.
    """
    said = [
        f"{_compared(trial.comparisons)}, {over_seeds(one.n for one in trial.comparisons)}",
        _counted_from(claim, definition),
        _shown(claim, trial),
        _controls(results, definition),
        _degenerate(claim, results, trial.comparisons),
        f"Not compared: {', '.join(left_out)}" if left_out else "",
    ]
    return " ".join(f"{sentence}." for sentence in said if sentence)


def _compared(comparisons: Sequence[Comparison]) -> str:
    if len(comparisons) <= _MOST_SHOWN:
        return "; ".join(map(_one, comparisons))
    ordered = sorted(comparisons, key=lambda one: (math.isnan(one.ratio), one.ratio))
    known = [one for one in ordered if not math.isnan(one.ratio)] or ordered
    return f"Of {len(ordered)} settings the lowest and the highest: {_one(known[0])}; {_one(known[-1])}"


def _one(of: Comparison) -> str:
    means = f"{of.setting} {_number(of.means[0])} against {of.against} {_number(of.means[1])}"
    if math.isnan(of.ratio):
        return f"{means} ({of.reason or 'no ratio to 0'})"
    interval = "" if of.interval is None else f" (95 % interval {of.interval[0]:.3f} to {of.interval[1]:.3f})"
    return f"{means}, {of.ratio:.3f} times{interval}"


def _counted_from(claim: Claim, definition: str) -> str:
    start = constant_sequence(definition)
    return f"Counted from {start:g}, a constant sequence's" if claim.of_collapse and start else ""


def _shown(claim: Claim, trial: Trial) -> str:
    asked = f"The claim asks for {claim.asks}"
    if trial.verdict == "meaningless":
        return (
            f"In each of these settings the networks lie within {MARGIN * 100:g} % of their own null control, "
            f"{_called(trial.control)} ({_p(trial.p_control)}): the measurement can't tell them apart, and says nothing"
        )
    if trial.verdict == "holds":
        return f"{asked}: shown ({_p(trial.p_holds)})"
    if trial.verdict == "does not hold":
        reverse = claim.low is not None and all(one.interval and one.interval[1] < 1 for one in trial.comparisons)
        return f"{asked}: shown not to be so ({_p(trial.p_fails)}){', but the other way round' if reverse else ''}"
    if trial.p_holds is None and trial.p_fails is None:
        return f"{asked}: {_no_test(trial.comparisons)}"
    return f"{asked}: these seeds show neither ({_p(trial.p_holds)} for it, {_p(trial.p_fails)} against it)"


def _no_test(comparisons: Sequence[Comparison]) -> str:
    if all(one.n == 1 for one in comparisons):
        return "one seed has no spread to test against; two are the least, five are better"
    return "no test without spread between the seeds"


def _controls(results: Results, definition: str) -> str:
    found = {
        name: mean_interval(array(results.values(results.base, f"null/{definition}/{name}"))).mean
        for name in controls(results, definition)
    }
    said = ", ".join(f"{_called(name)} {_number(mean)}" for name, mean in found.items() if not math.isnan(mean))
    return f"Null controls of {results.base}: {said}" if said else ""


def _degenerate(claim: Claim, results: Results, comparisons: Sequence[Comparison]) -> str:
    if FLAG not in results.measurements:
        return "Whether networks are degenerate was not measured"
    if claim.of_collapse:
        [one] = comparisons
        dead = set(results.degenerate(one.setting)) & set(one.degenerate)
        what = ": what collapses is the network, to one answer for everything" if dead else ""
        return f"Degenerate are {len(dead)} of {one.n} networks of {one.setting}{what}"
    left_out = sum(len(one.degenerate) for one in comparisons)
    return f"{counted(left_out, 'pair')} with a degenerate network left out" if left_out else ""


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _called(control: str | None) -> str:
    return CONTROLS.get(control or "", control or "")


def _p(value: float | None) -> str:
    if value is None:
        return "no p"
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}" if value < 0.1 else f"p = {value:.2f}"
