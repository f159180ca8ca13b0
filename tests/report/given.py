"""Results whose figures are given, number by number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from simplicity_sweep.report.results import Job, Results

Figures = Mapping[str, float | Sequence[float]]


def given(
    table: Mapping[str, Figures], seeds: int = 5, degenerate: Mapping[str, Sequence[int]] | None = None
) -> Results:
    """Finished jobs whose figures are these.

    Args:
        table: by setting and measurement, the same value for each seed, or one for each; the first is the base.
        seeds: how many.
        degenerate: by setting, the seeds whose networks are.
    """
    dead = degenerate or {}
    jobs = [
        Job(
            setting=setting,
            seed=seed,
            status="FINISHED",
            figures={f"test/{name}": float(np.broadcast_to(value, seeds)[seed]) for name, value in figures.items()}
            | {"test/degenerate": float(seed in dead.get(setting, ()))},
        )
        for setting, figures in table.items()
        for seed in range(seeds)
    ]
    return Results(name="given", about={"data": "none"}, base=next(iter(table)), jobs=jobs)


def drawn(settings: int, metrics: str, seeds: int = 5, random: int = 0) -> Results:
    """Settings `s0`, `s1` … whose figures are standard normal, between settings and between seeds."""
    generator = np.random.default_rng(random)
    return given(
        {
            f"s{number}": {name: (generator.normal() + generator.normal(size=seeds)).tolist() for name in metrics}
            for number in range(settings)
        },
        seeds,
    )
