"""Optuna's samplers, built so that what a trial tries depends on the seed, its place and what was known then."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import optuna
from hydra.utils import instantiate
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler

from simplicity_sweep.config import ConfigError

KNOWN = ("TPESampler", "GPSampler", "NSGAIISampler", "NSGAIIISampler", "RandomSampler")
"""Those that keep nothing to themselves between two trials but their random generator."""

_CONSTRAINTS = "constraints"


class Sampler:
    """A sampler to be: its class and arguments.

    A new one is built for each trial, with a seed of its own, so that a search that goes on draws what one never cut
    off would have drawn.

    Args:
        config: `hydra.sweeper.sampler`, a `_target_` with its arguments.

    Raises:
        ConfigError: it is none of `KNOWN`, or does not take these arguments.
    """

    def __init__(self, config: Mapping[str, Any] | None) -> None:
        target = (config or {}).get("_target_")
        allowed = [f"optuna.samplers.{name}" for name in KNOWN]
        if config is None or target not in allowed:
            raise ConfigError(
                f"hydra.sweeper.sampler._target_ = {target!r}: should be one of {', '.join(allowed)}; or choose "
                "hydra/sweeper/sampler=tpe, gp, nsgaii or random."
            )
        self._config = dict(config)
        self.seed: int | None = self._config.pop("seed", None)
        self.name = str(target).rpartition(".")[2]
        self.build(0)

    def build(self, *place: int) -> BaseSampler:
        """A new one, with a seed that follows from these numbers."""
        arguments: dict[str, Any] = {"seed": int(np.random.SeedSequence(place).generate_state(1)[0])}
        if self.name == "TPESampler":
            arguments["constant_liar"] = self._config.get("constant_liar", True)  # else a batch is the same point often
        if int(optuna.__version__.split(".")[0]) < 5 and self.name != "RandomSampler":
            arguments["constraints_func"] = lambda trial: trial.system_attrs.get(_CONSTRAINTS, ())
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)
                sampler: BaseSampler = instantiate(self._config, **arguments)
        except Exception as error:
            raise ConfigError(f"hydra.sweeper.sampler = {self._config}: {error}") from error
        return sampler


def constrained(violations: list[float]) -> dict[str, Any]:
    """A trial's system attributes that say by how much it breaks its limits; for every Optuna since 4.4."""
    return {_CONSTRAINTS: violations}
