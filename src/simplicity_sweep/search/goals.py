"""What a search is to find: objectives on the validation set, and limits that a setting must keep."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from simplicity_sweep.config import ConfigError
from simplicity_sweep.report.decision.requirements import Limit, Requirements, Wish, check_measured, parse
from simplicity_sweep.report.decision.rule import margin
from simplicity_sweep.report.results import ReportError
from simplicity_sweep.tasks import TASKS

Direction = Literal["minimize", "maximize"]
Metrics = Mapping[str, float]
"""A setting's figures on the validation set, by MLflow's name, e.g. `val/accuracy`."""

VALIDATION = "val/"

_INFINITE = 1e300  # MLflow keeps the largest float in place of an infinity
_DIRECTIONS: dict[str, Direction] = {
    "minimize": "minimize", "minimise": "minimize", "maximize": "maximize", "maximise": "maximize"
}  # fmt: skip
_HOW = "Write e.g. 'hydra.sweeper.objectives={val/accuracy: maximize, val/flip_rate: minimize}'."


@dataclass(frozen=True)
class Goals:
    """What counts.

    Attributes:
        objectives: by metric, in which direction it is better.
        limits: what a setting must keep; one that does not is worse than all that do.
    """

    objectives: Mapping[str, Direction]
    limits: tuple[Limit, ...] = ()

    @classmethod
    def asked(
        cls, objectives: Mapping[str, str] | None, direction: str | Sequence[str] | None, config: Mapping[str, Any]
    ) -> Goals:
        """The goals of a command.

        Args:
            objectives: `hydra.sweeper.objectives`; without it, `direction` of what a job returns, its task's
                headline on the validation set; without that, the wishes of `decide.prefer`.
            direction: `hydra.sweeper.direction`.
            config: a job's, resolved.

        Raises:
            ConfigError: something that is not measured on the validation set, or that can't be read.
        """
        try:
            task = TASKS[config["task"]["name"]]
            decide = parse(**config["decide"], words=task.words)
            found = _objectives(objectives, direction, decide, f"{VALIDATION}{task.headline}")
            measured = [*task.performance, *config["measure"]["measurements"]]
            wishes = tuple(Wish(metric=name.removeprefix(VALIDATION), aim="minimise") for name in found)
            limits = tuple(limit for limit in decide.require if not _says_nothing(limit, found))
            check_measured(Requirements(limits, wishes), measured)
        except ReportError as error:
            raise ConfigError(f"{error}\nA search needs what it looks for. {_HOW}") from None
        return cls(found, limits)

    def values(self, metrics: Metrics) -> list[float] | None:
        """The objectives' values in their order; None if one is missing or no finite number."""
        found = [metrics.get(name, math.nan) for name in self.objectives]
        return found if all(math.isfinite(value) and abs(value) < _INFINITE for value in found) else None

    def violations(self, settings: Sequence[Metrics]) -> list[list[float]]:
        """By how much each setting breaks each limit, at most 0 where it keeps it; and 1 for a dead network, last, if
        any is.

        A limit beside the best (`best - 0.01`) is counted from the best of these settings.

        Example:
            >>> from simplicity_sweep.report.decision.requirements import parse
            >>> goals = Goals({}, parse(["accuracy >= best - 0.25"], []).require)
            >>> goals.violations([{"val/accuracy": 1.0}, {"val/accuracy": 0.5}])
            [[-0.25], [0.25]]
        """
        margins = [_margins(limit, settings) for limit in self.limits]
        dead = [float(metrics.get(f"{VALIDATION}degenerate", 0.0)) for metrics in settings]
        columns = [*([-one for one in of] for of in margins), *([dead] if any(dead) else [])]
        return [[column[place] for column in columns] for place in range(len(settings))]


def mean_of(replicates: Sequence[Metrics]) -> dict[str, float]:
    """The mean of each metric over a setting's replicates; NaN for one that a replicate lacks.

    Example:
        >>> mean_of([{"val/accuracy": 0.5, "val/loss": 1.0}, {"val/accuracy": 1.0}])
        {'val/accuracy': 0.75, 'val/loss': nan}
    """
    names = dict.fromkeys(name for metrics in replicates for name in metrics)
    return {name: sum(metrics.get(name, math.nan) for metrics in replicates) / len(replicates) for name in names}


def _objectives(
    objectives: Mapping[str, str] | None,
    direction: str | Sequence[str] | None,
    decide: Requirements,
    returned: str,
) -> dict[str, Direction]:
    if objectives and direction is not None:
        raise ConfigError(f"hydra.sweeper.objectives and hydra.sweeper.direction: give one of them. {_HOW}")
    if objectives:
        return {_named(name): _direction(of) for name, of in objectives.items()}
    if direction is not None:
        directions = [direction] if isinstance(direction, str) else list(direction)
        if len(directions) != 1:
            raise ConfigError(
                f"hydra.sweeper.direction = {directions}: a job returns one value, {returned}. Several objectives go "
                f"by their names. {_HOW}"
            )
        return {returned: _direction(directions[0])}
    if not decide.prefer or not all(isinstance(wish, Wish) for wish in decide.prefer):
        shown = [str(objective) for objective in decide.prefer]
        raise ConfigError(f"decide.prefer = {shown}: a search can follow wishes (minimise, maximise) only. {_HOW}")
    return {
        f"{VALIDATION}{wish.metric}": _direction(wish.aim) for wish in decide.prefer if isinstance(wish, Wish)
    }  # fmt: skip


def _named(name: str) -> str:
    if name.partition("/")[0] in ("test", "train"):
        raise ConfigError(
            f"hydra.sweeper.objectives = {name}: a search looks at the validation set only, so that the test set can "
            f"say in the end how good its find is. Write {VALIDATION}{name.partition('/')[2]}"
        )
    return name if name.startswith(VALIDATION) else f"{VALIDATION}{name}"


def _direction(word: str) -> Direction:
    if word not in _DIRECTIONS:
        raise ConfigError(f"hydra.sweeper: direction {word!r} should be minimize or maximize. {_HOW}")
    return _DIRECTIONS[word]


def _says_nothing(limit: Limit, objectives: Mapping[str, Direction]) -> bool:
    """Whether a limit beside the best is about the one thing that is sought anyway."""
    better: Direction = "maximize" if limit.side == ">=" else "minimize"
    return limit.to_best and dict(objectives) == {f"{VALIDATION}{limit.metric}": better}


def _margins(limit: Limit, settings: Sequence[Metrics]) -> list[float]:
    values = np.array([metrics.get(f"{VALIDATION}{limit.metric}", math.nan) for metrics in settings])
    found = margin(limit, {limit.metric: values})
    return [float(one) if math.isfinite(one) else -1.0 for one in found]
