"""A sweep as `experiment=guan2024` gives one: figures of METRICS.md's table, curves, paths and null controls."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from simplicity_sweep.report.results import Job, Path, Results

FIGURES = ("accuracy", "noise_l2_logits", "noise_l2_probabilities", "noise_relative", "lz76_path")
MEANS = {
    "base": (0.970, 0.515, 0.0057, 0.030, 3.38),
    "tanh": (0.970, 0.334, 0.0062, 0.029, 3.38),
    "sigmoid": (0.969, 0.237, 0.0066, 0.024, 3.34),
    "leaky_relu": (0.972, 0.505, 0.0054, 0.030, 3.38),
    "deeper": (0.969, 0.382, 0.0057, 0.026, 3.41),
    "lower_lr": (0.942, 0.315, 0.0086, 0.027, 3.24),
    "high_lr": (0.098, 0.0007, 1e-5, np.nan, 2.0),
}
DEAD = "high_lr"
_RATES = {"lower_lr": "0.0001", "high_lr": "0.1"}
_CONSTANT = "the outputs are constant"
_NO_TRUTH = "there are no true labels between the inputs"


def realistic(settings: Iterable[str] = tuple(MEANS), seeds: Sequence[int] = range(5), **more: Any) -> Results:
    """Results in which `high_lr` is dead under every seed.

    Args:
        settings: which of `MEANS`.
        seeds: the replicates.
        more: further attributes of the results.
    """
    settings = list(settings)
    given: dict[str, Any] = {
        "name": "2026-01-02/03-04-05-abcd",
        "about": {"data": "mnist", "epochs": "10", "code": "0123456789ab", "machine": "a CPU"},
        "base": settings[0],
        "jobs": [_job(setting, seed) for setting in settings for seed in seeds],
        "paths": {setting: _paths(setting) for setting in settings},
        "classes": 10,
    }
    return Results(**{**given, **more})


def changed(results: Results, setting: str, seed: int, **more: Any) -> Results:
    """The results with another job in one cell."""
    jobs = [replace(job, **more) if (job.setting, job.seed) == (setting, seed) else job for job in results.jobs]
    return replace(results, jobs=jobs)


def renamed(results: Results, setting: str, name: str) -> Results:
    """The results with another name for a setting."""
    return replace(
        results,
        base=name if results.base == setting else results.base,
        jobs=[replace(job, setting=name) if job.setting == setting else job for job in results.jobs],
        paths={name if of == setting else of: paths for of, paths in results.paths.items()},
    )


def _job(setting: str, seed: int) -> Job:
    generator = np.random.default_rng([seed, list(MEANS).index(setting)])
    dead = setting == DEAD
    noise = generator.normal(0, 0 if dead else 0.02, len(FIGURES)) * (0.05, 1, 1, 1, 0.3)
    found = {
        f"test/{name}": float(mean * (1 + by)) for name, mean, by in zip(FIGURES, MEANS[setting], noise, strict=True)
    }
    nulls = {"shuffled": 2.0 if dead else 17.3, "true_labels": np.nan, "initial": 2.7}
    null_figures = {f"null/lz76_path/{name}": value for name, value in nulls.items()}
    figures = {**found, "test/lz76_path/standard_error": 0.01, "test/degenerate": float(dead), **null_figures}
    return Job(
        setting=setting,
        seed=seed,
        status="FINISHED",
        run=f"{setting}-{seed}",
        params={"optim.lr": _RATES.get(setting, "0.001"), "activation": "relu", "depth": "medium"},
        figures=figures,
        curves={
            f"val/{name}": [(epoch, found[f"test/{name}"] * (1 - 0.3**epoch / 3)) for epoch in range(4)]
            for name in ("lz76_path", "noise_l2_logits")
        },
        undefined={"null/lz76_path/true_labels": _NO_TRUTH, **({"test/noise_relative": _CONSTANT} if dead else {})},
    )


def _paths(setting: str) -> list[Path]:
    turn = 10 + list(MEANS).index(setting)
    through = [1] * 32 if setting == DEAD else [3] * turn + [5] + [8] * (31 - turn)
    return [Path(start=3, end=8, labels=through), Path(start=4, end=9, labels=[4] * 16 + [-1] * 4 + [9] * 12)]
