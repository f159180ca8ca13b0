"""Which setting to choose, by what a user asks: why, how sure, and what would change the answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from simplicity_sweep.report.decision.alternatives import Change, changes
from simplicity_sweep.report.decision.candidates import Candidates, candidates, jobs_of
from simplicity_sweep.report.decision.certainty import Certainty, certainty, checks, resample
from simplicity_sweep.report.decision.reason import how_sure, reason
from simplicity_sweep.report.decision.relaxation import Relaxation, relaxations
from simplicity_sweep.report.decision.requirements import Requirements, check_measured
from simplicity_sweep.report.decision.rule import Case, Verdict
from simplicity_sweep.report.decision.standing import Standing, standings
from simplicity_sweep.report.labels import counted
from simplicity_sweep.report.results import Results

ADVISED_SEEDS = 5
_CLEAR = 0.5  # share of the draws


@dataclass(frozen=True, kw_only=True)
class RunnerUp:
    """The second best.

    Attributes:
        setting: which.
        behind: by how many standard deviations more it lacks to the best, over all wishes; 0 in a tie.
    """

    setting: str
    behind: float


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What to choose.

    Attributes:
        requirements: what was asked.
        recommended: the setting to choose; None if none is admissible.
        reason: why, in plain words; if there is none, what to relax.
        how_sure: how much of it is owed to the seeds, in plain words; empty where nothing can be chosen at all.
        standings: every setting of the sweep, the best first.
        certainty: how often each would be chosen; None with one seed.
        runner_up: the second best; None if it is the only admissible one, or nothing is.
        changes: for each requirement, its nearest change that changes the recommendation.
        relaxations: where nothing is admissible, which hard limits to relax, the smallest relaxation first.
        notes: what a reader must know: missing seeds, jobs that run still, ties.
    """

    requirements: Requirements
    recommended: str | None
    reason: str
    how_sure: str
    standings: Sequence[Standing]
    certainty: Certainty | None
    runner_up: RunnerUp | None
    changes: Sequence[Change]
    relaxations: Sequence[Relaxation]
    notes: Sequence[str]

    @property
    def headline(self) -> str:
        """The answer in a few words, no surer than it is: what wins less than half of the draws is no advice."""
        if self.recommended is None:
            return "No setting can be recommended"
        if self.certainty is None:
            return f"Ahead in the only seed: {self.recommended}"
        clear = self.certainty.chosen.get(self.recommended, 0.0) >= _CLEAR
        return f"{'Recommended' if clear else 'Ahead, but not clearly'}: {self.recommended}"

    @property
    def admissible(self) -> list[str]:
        """The settings that meet every hard limit, the best first."""
        return [standing.setting for standing in self.standings if standing.score is not None]

    @property
    def front(self) -> list[str]:
        """The Pareto front of the admissible settings in the wishes and soft limits, the best first."""
        return [standing.setting for standing in self.standings if standing.on_front]


def decide(results: Results, requirements: Requirements, resamples: int = 2000, random: int = 0) -> Decision:
    """The setting to choose.

    Hard limits hold for means over seeds. Among the settings that meet them the smallest weighted mean regret wins:
    see `rule.judge`. In a tie the base is recommended, else the first by name. Equal results give equal decisions,
    whatever the order of their jobs.

    Args:
        results: what a sweep measured.
        requirements: what is asked: see `requirements.parse`.
        resamples: how many draws of seeds say how sure the choice is: see `certainty.resample`.
        random: seed of these draws.

    Raises:
        ReportError: a requirement is about something that was not measured, or is undefined for every network.

    Example:
        Both keep 0.9; `calm` is steadier for each seed.

        >>> from simplicity_sweep.report.decision.requirements import parse
        >>> from simplicity_sweep.report.results import Job, Results
        >>> measured = {"base": (0.97, 0.004), "calm": (0.96, 0.002), "poor": (0.5, 0.001)}
        >>> jobs = [
        ...     Job(setting=name, seed=seed, status="FINISHED", figures={"test/accuracy": a, "test/flip_rate": f})
        ...     for name, (a, f) in measured.items()
        ...     for seed in (0, 1)
        ... ]
        >>> results = Results(name="example", about={}, base="base", jobs=jobs)
        >>> decision = decide(results, parse(["accuracy >= 0.9"], ["minimise flip_rate"]))
        >>> decision.recommended, decision.admissible, decision.certainty.chosen["calm"]
        ('calm', ['calm', 'base'], 1.0)
        >>> decision.changes[0].text
        'If `accuracy >= 0.961` were required instead of `accuracy >= 0.9`: base.'
    """
    if results.finished:
        check_measured(requirements, results.measurements)
    found, excluded = candidates(results, requirements)
    case = Case(found.settings, found.means(), found.variances())
    resampled = resample(requirements, found, resamples, random)
    verdict = case.verdict(requirements)
    sure = certainty(found, resampled) if resampled else None
    held = checks(requirements, found, resampled)
    ranked = standings(requirements, found, excluded, case, verdict, held, sure)
    relaxed = relaxations(case, requirements)
    return Decision(
        requirements=requirements,
        recommended=next((standing.setting for standing in ranked if standing.state == "recommended"), None),
        reason=reason(requirements, ranked, relaxed),
        how_sure=how_sure(requirements, ranked, sure),
        standings=ranked,
        certainty=sure,
        runner_up=_runner_up(ranked),
        changes=changes(case, requirements),
        relaxations=relaxed,
        notes=[*_about_choice(requirements, found, verdict), *_about_jobs(results, found)],
    )


def _runner_up(ranked: Sequence[Standing]) -> RunnerUp | None:
    scored = [(standing.setting, standing.score) for standing in ranked if standing.score is not None]
    if len(scored) < 2:
        return None
    (_, best), (setting, score) = scored[:2]
    return RunnerUp(setting=setting, behind=score - best)


def _about_choice(requirements: Requirements, found: Candidates, verdict: Verdict) -> Iterator[str]:
    if not requirements.prefer:
        yield "No wish is stated: between admissible settings the base comes first, then the alphabet."
    elif verdict.best.sum() > 1:
        tied = [setting for setting, best in zip(found.settings, verdict.best, strict=True) if best]
        yield f"A tie between {', '.join(tied)}: the base comes first, then the alphabet. State a weight to break it."
    if 1 < len(found.seeds) < ADVISED_SEEDS:
        yield f"{len(found.seeds)} seeds say little about how sure a choice is; at least {ADVISED_SEEDS} are advised."


def _about_jobs(results: Results, found: Candidates) -> Iterator[str]:
    running = sum(job.status == "RUNNING" for job in results.jobs)
    if running:
        yield f"{counted(running, 'job')} still running: the recommendation can change."
    data = {job.data for setting in found.settings for job in jobs_of(results, setting)} - {""}
    if len(data) > 1:
        yield (
            f"The settings that can be chosen were trained on {len(data)} data sets: what tells them apart is the "
            "data, too. Decide for each by itself."
        )
    for setting in found.settings:
        if absent := {seed: why for (of, seed), why in results.absent if of == setting}:
            jobs = jobs_of(results, setting)
            yield (
                f"{setting}: {len(jobs)} of {len(jobs) + len(absent)} seeds have finished; its means are over these. "
                f"Not {'; '.join(f'seed {seed}: {why}' for seed, why in absent.items())}."
            )
            if len(jobs) == 1 < len(found.seeds):
                yield f"{setting}: one seed has no spread, so the share of the draws that it wins is overconfident."
    unflagged = [setting for setting in found.settings if not _is_flagged(results, setting)]
    if unflagged:
        yield (
            f"Whether networks are degenerate was not measured for {', '.join(unflagged)}: a dead network can't be "
            "told from a stable one."
        )


def _is_flagged(results: Results, setting: str) -> bool:
    return len(results.values(setting, "test/degenerate")) == len(jobs_of(results, setting))
