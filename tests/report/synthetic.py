"""Sweeps whose truth is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from simplicity_sweep.report.results import Job, Results

SETTINGS = ("base", "tanh", "sigmoid", "leaky_relu", "deeper", "lower_lr", "high_lr")


def sweep(
    means: Mapping[str, Mapping[str, float]],
    seeds: Sequence[int] = range(5),
    between: float = 0.1,
    within: float = 0.05,
    random: int = 0,
    **more: object,
) -> Results:
    """Jobs whose figures are normal around known means.

    Args:
        means: by setting, the true mean of each figure, e.g. `{"base": {"test/accuracy": 0.97}}`.
        seeds: the replicates.
        between: standard deviation of what all settings of a seed share.
        within: standard deviation of what each job has to itself.
        random: seed of the draws.
        more: further attributes of the results.
    """
    generator = np.random.default_rng(random)
    figures = sorted({name for of_setting in means.values() for name in of_setting})
    shared = {(seed, name): generator.normal(0, between) for seed in seeds for name in figures}
    jobs = [
        Job(
            setting=setting,
            seed=seed,
            status="FINISHED",
            run=f"{setting}-{seed}",
            figures={name: mean + shared[seed, name] + generator.normal(0, within) for name, mean in of.items()},
        )
        for setting, of in means.items()
        for seed in seeds
    ]
    about = {"data": "synthetic"}
    return Results(**{"name": "synthetic", "about": about, "base": next(iter(means)), "jobs": jobs, **more})  # type: ignore[arg-type]
