"""What a reader must know before relying on a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from simplicity_sweep.report.labels import counted
from simplicity_sweep.report.results import Results

ADVISED_SEEDS = 5


@dataclass(frozen=True)
class Caveat:
    """One thing to know.

    Attributes:
        text: a sentence or two.
        items: what it is about, one by one.
    """

    text: str
    items: Sequence[str] = ()


def caveats(results: Results, undefined: Mapping[str, str]) -> list[Caveat]:
    """What is missing, unfinished, undefined or dead in a sweep, the gravest first; empty where nothing is.

    Args:
        results: of the sweep.
        undefined: the measurements that are NaN in every finished job, and why.
    """
    found = [
        _nothing(results),
        *(Caveat(note) for note in results.notes),
        _running(results),
        _absent(results),
        _seeds(results),
        _degenerate(results),
        _undefined(undefined),
    ]
    return [caveat for caveat in found if caveat is not None]


def _nothing(results: Results) -> Caveat | None:
    return None if results.finished else Caveat("No job has finished: there is nothing to report yet.")


def _running(results: Results) -> Caveat | None:
    running = sum(job.status == "RUNNING" for job in results.jobs)
    if not running:
        return None
    verb = "is" if running == 1 else "are"
    return Caveat(f"{counted(running, 'job')} {verb} still running: every figure here can change. Rebuild it later.")


def _absent(results: Results) -> Caveat | None:
    if not results.absent:
        return None
    cells = len(results.settings) * len(results.seeds)
    return Caveat(
        f"{len(results.absent)} of {cells} cells have no result. Means are over the others, and say their n.",
        [f"{setting}, seed {seed}: {why}" for (setting, seed), why in results.absent],
    )


def _seeds(results: Results) -> Caveat | None:
    if len(results.seeds) >= ADVISED_SEEDS:
        return None
    if len(results.seeds) <= 1:
        return Caveat(
            "One seed only: there are no intervals, and no difference can be told from chance. "
            f"Run at least {ADVISED_SEEDS}: seed=0,1,2,3,4."
        )
    return Caveat(f"{len(results.seeds)} seeds are few: intervals are wide. At least {ADVISED_SEEDS} are advised.")


def _degenerate(results: Results) -> Caveat | None:
    dead = {setting: len(of) for setting in results.settings if (of := results.degenerate(setting))}
    if not dead:
        return None
    finished = {setting: sum(of == setting for of, _ in results.finished) for setting in dead}
    return Caveat(
        "Degenerate networks (†) give one answer whatever the input, or outputs that are not finite. Their other "
        "figures are those of a dead network: a sensitivity of 0 is not stability.",
        [f"{setting}: {count} of {counted(finished[setting], 'network')}" for setting, count in dead.items()],
    )


def _undefined(undefined: Mapping[str, str]) -> Caveat | None:
    if not undefined:
        return None
    return Caveat(
        "Undefined (NaN) in every job, and therefore in no table of effects:",
        [f"{name}: {why}" for name, why in undefined.items()],
    )
