"""How far a search had come after each trial."""

from __future__ import annotations

import math
from collections.abc import Sequence

from simplicity_sweep.report.search.hypervolume import hypervolume
from simplicity_sweep.report.search.trials import Search, worst


def best_so_far(search: Search) -> list[float]:
    """After each trial the best value of the only objective; NaN before the first that counts.

    Example:
        >>> from simplicity_sweep.report.search.trials import Trial
        >>> tried = [Trial(number=i, state="COMPLETE", params={}, values=[v]) for i, v in enumerate([0.5, 0.25, 0.75])]
        >>> best_so_far(Search(objectives={"val/accuracy": "maximize"}, sampler="", asked=3, trials=tried))
        [0.5, 0.5, 0.75]
    """
    [direction] = search.objectives.values()
    least, found = math.inf, []
    for trial in search.trials:
        least = min([least, *(search.losses(trial) if trial.counts else ())])
        found.append(math.nan if math.isinf(least) else least if direction == "minimize" else -least)
    return found


def hypervolume_so_far(search: Search) -> list[float]:
    """After each trial the share of the last hypervolume that was reached: what the trials so far dominate, counted
    from the worst of all in each objective; empty where that is nothing at all.

    Example:
        The first trial dominates 1 × 2, both together 3.

        >>> from simplicity_sweep.report.search.trials import Trial
        >>> values = [[1.0, 0.0], [0.0, 1.0], [2.0, 2.0]]
        >>> tried = [Trial(number=i, state="COMPLETE", params={}, values=v) for i, v in enumerate(values)]
        >>> both = {"val/loss": "minimize", "val/flip_rate": "minimize"}
        >>> hypervolume_so_far(Search(objectives=both, sampler="", asked=3, trials=tried))
        [0.6666666666666666, 1.0, 1.0]
    """
    reference = worst(search)
    front: list[list[float]] = []
    volume, reached = 0.0, []
    for trial in search.trials:
        found = search.losses(trial) if trial.counts else None
        if found is not None and not any(_covers(point, found) for point in front):
            front = [*(point for point in front if not _covers(found, point)), found]
            volume = hypervolume(front, reference)
        reached.append(volume)
    return [so_far / volume for so_far in reached] if volume > 0 else []


def _covers(point: Sequence[float], other: Sequence[float]) -> bool:
    return all(one <= another for one, another in zip(point, other, strict=True))
