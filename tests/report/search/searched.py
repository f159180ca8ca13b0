"""Searches whose trials are given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from optuna.distributions import CategoricalDistribution, FloatDistribution, distribution_to_json

from simplicity_sweep.report.search.trials import Search, Trial

BOTH = {"val/accuracy": "maximize", "val/flip_rate": "minimize"}
SPACE = {
    "activation": distribution_to_json(CategoricalDistribution(["relu", "tanh"])),
    "optim.lr": distribution_to_json(FloatDistribution(1e-4, 1e-1, log=True)),
}


def trial(number: int, *values: float, state: Any = "COMPLETE", **more: Any) -> Trial:
    params = {"activation": ("relu", "tanh")[number % 2], "optim.lr": 1e-4 * 10 ** (number % 7 / 2)}
    return Trial(**{"number": number, "state": state, "params": params, "values": values, **more})


def search(trials: Sequence[Trial], objectives: Any = BOTH, **more: Any) -> Search:
    return Search(
        **{"objectives": objectives, "space": SPACE, "sampler": "TPESampler", "asked": 40, "trials": trials, **more}
    )


def random_search(objectives: Any = BOTH, trials: int = 40, pruner: str | None = None) -> Search:
    """Some trials of each outcome; the accuracy is best at a rate of 0.01."""
    generator = np.random.default_rng(0)
    tried = []
    for number in range(trials):
        rate = float(10 ** generator.uniform(-4, -1))
        accuracy = 0.97 - 0.05 * (np.log10(rate) + 2) ** 2 + generator.normal(0, 0.01)
        values = [float(accuracy), float(accuracy / 20 + generator.normal(0, 0.004))][: len(objectives)]
        pruned = pruner is not None and number > 5 and number % 3 == 0
        tried.append(
            Trial(
                number=number,
                state="FAIL" if number == 4 else "PRUNED" if pruned else "COMPLETE",
                params={"activation": ("relu", "tanh")[number % 2], "optim.lr": rate},
                values=() if number == 4 else values,
                keeps=number % 11 != 9,
                epochs=2 if pruned else None,
            )
        )
    return search(tried, objectives, pruner=pruner, limits=["flip_rate <= 0.5%"])
