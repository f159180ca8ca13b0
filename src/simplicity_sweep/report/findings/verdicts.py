"""The source study's claims, each tested under every definition of what it speaks of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from simplicity_sweep.report.effects import undefined_measurements
from simplicity_sweep.report.findings.claims import CLAIMS, Claim, compared
from simplicity_sweep.report.findings.evidence import evidence
from simplicity_sweep.report.findings.trials import Trial, TrialVerdict, trial
from simplicity_sweep.report.labels import label, measured
from simplicity_sweep.report.results import Results
from simplicity_sweep.report.statistics import ALPHA, holm

Verdict = TrialVerdict | Literal["not tested"]

METHOD = (
    "One-sided t tests, paired by seed, of one setting's mean against a multiple of another's. A claim of several "
    "comparisons holds where all of them are shown (intersection-union test), and does not hold where one of them is "
    "shown not to be so (Holm's correction over them). Each p is then corrected by Holm over the definitions of its "
    f"claim; a verdict stands below {ALPHA}, else the claim is undecided. Degenerate networks are left out, and "
    "counted, except where the claim is about them."
)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What the sweep says of a claim under one definition.

    Attributes:
        claim: which, and what is tested.
        definition: the measurement, e.g. `lz76_path`; empty where the sweep has none of the kind.
        verdict: `meaningless` where a null control has the same; `undecided` where the seeds are too few to tell.
        evidence: why, in words and numbers.
        trial: the comparisons and p values, corrected for the number of definitions; None if not tested.
    """

    claim: Claim
    definition: str
    verdict: Verdict
    evidence: str
    trial: Trial | None = None


def findings(results: Results) -> tuple[Finding, ...]:
    """Every claim under every definition in the sweep, in the order of `CLAIMS` and of the measurements; none where the
    networks don't classify, which is what the study speaks of.

    Example:
        >>> [one.evidence for one in findings(Results(name="", about={}, base="base", jobs=[]))][:1]
        ['Not tested: no complexity was measured.']
    """
    if results.task.name != "classification":
        return ()
    return tuple(finding for claim in CLAIMS for finding in _of_claim(claim, results))


def _of_claim(claim: Claim, results: Results) -> list[Finding]:
    undefined = {name: why for name, why in undefined_measurements(results).items() if label(name).kind == claim.kind}
    definitions = measured(results, claim.kind)
    if not definitions and not undefined:
        return [_not_tested(claim, "", f"no {claim.kind} was measured")]
    chosen = compared(claim, results)
    trials = {name: trial(claim, results, name, chosen.settings) for name in definitions}
    reasons = {name: chosen.reason or of.reason for name, of in trials.items()}
    tested = _corrected({name: of for name, of in trials.items() if reasons[name] is None})
    return [
        *(
            Finding(
                claim=claim,
                definition=name,
                verdict=tested[name].verdict,
                evidence=evidence(claim, results, name, tested[name], chosen.left_out),
                trial=tested[name],
            )
            if reason is None
            else _not_tested(claim, name, reason)
            for name, reason in reasons.items()
        ),
        *(_not_tested(claim, name, f"undefined in every job: {why}") for name, why in undefined.items()),
    ]


def _not_tested(claim: Claim, definition: str, reason: str) -> Finding:
    return Finding(claim=claim, definition=definition, verdict="not tested", evidence=f"Not tested: {reason}.")


def _corrected(trials: Mapping[str, Trial]) -> dict[str, Trial]:
    """The trials of one claim with p values corrected for their number.

    By direction: of "holds" and "does not hold" only one can be wrong, so each keeps the whole 5 %.
    """
    holds = holm([one.p_holds for one in trials.values()])
    fails = holm([one.p_fails for one in trials.values()])
    control = holm([one.p_control for one in trials.values()])
    return {
        name: replace(one, p_holds=p_holds, p_fails=p_fails, p_control=p_control)
        for (name, one), p_holds, p_fails, p_control in zip(trials.items(), holds, fails, control, strict=True)
    }
