"""A search as its report shows it: every trial, and which are the best."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import yaml

State = Literal["COMPLETE", "PRUNED", "FAIL", "RUNNING"]

_STATES = {"FAIL": "failed", "RUNNING": "open"}


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One setting that was tried.

    Attributes:
        number: the study's.
        state: Optuna's.
        params: what was chosen.
        values: the objectives', on the validation set; of a pruned one the last; empty where there are none.
        keeps: whether it keeps the limits, as they stand now.
        epochs: of a pruned one, how many were trained.
        same_as: the number of an earlier trial that had the same setting.
        known: whether its result was there before the search.
    """

    number: int
    state: State
    params: Mapping[str, Any]
    values: Sequence[float] = ()
    keeps: bool = True
    epochs: int | None = None
    same_as: int | None = None
    known: bool = False

    @property
    def counts(self) -> bool:
        """Whether it can be what the search has found."""
        return self.state == "COMPLETE" and self.keeps

    @property
    def outcome(self) -> str:
        """What became of it, in words.

        Example:
            >>> Trial(number=3, state="PRUNED", params={}, values=[0.1], epochs=2, same_as=1).outcome
            'pruned after 2 epochs; same setting as trial 1'
        """
        epochs = f" after {self.epochs} {'epoch' if self.epochs == 1 else 'epochs'}" if self.epochs else ""
        ended = f"pruned{epochs}" if self.state == "PRUNED" else _STATES.get(self.state, "complete")
        parts = [
            ended,
            "breaks a limit" if self.state == "COMPLETE" and not self.keeps else "",
            f"same setting as trial {self.same_as}" if self.same_as is not None else "",
            "known before" if self.known else "",
        ]
        return "; ".join(part for part in parts if part)


@dataclass(frozen=True, kw_only=True)
class Search:
    """A search.

    Attributes:
        objectives: by metric, e.g. `val/accuracy`, in which direction it is better.
        limits: what a setting must keep, in the words in which it was asked for.
        space: by key, what was chosen from, as Optuna's distributions in JSON.
        sampler: what chose.
        pruner: what stopped runs early; None for nothing.
        asked: how many trials were to be made.
        trials: in the order of their numbers.
    """

    objectives: Mapping[str, Literal["minimize", "maximize"]]
    limits: Sequence[str] = ()
    space: Mapping[str, str] = field(default_factory=dict)
    sampler: str
    pruner: str | None = None
    asked: int
    trials: Sequence[Trial]

    @classmethod
    def read(cls, described: str, trials: str) -> Search:
        """The search that two of its artifacts describe: see `artifacts.SEARCH` and `artifacts.TRIALS`."""
        plan = yaml.safe_load(described)
        return cls(
            objectives=plan["objectives"],
            limits=plan["limits"],
            space=plan["space"],
            sampler=plan["sampler"],
            pruner=plan["pruner"],
            asked=plan["trials"],
            trials=[Trial(**one) for one in json.loads(trials)],
        )

    @cached_property
    def hyperparameters(self) -> list[str]:
        """What was chosen, in the command's order."""
        return list(self.space)

    @cached_property
    def front(self) -> list[Trial]:
        """The trials that none beats in one objective while it equals them in the others; the best in the first
        objective first. Each setting is there once."""
        able = [trial for trial in self.trials if trial.counts and trial.same_as is None]
        found = [trial for trial in able if not any(self._beats(other, trial) for other in able)]
        return sorted(found, key=lambda trial: (self.losses(trial), trial.number))

    def losses(self, trial: Trial) -> list[float]:
        """A trial's values such that less is better."""
        directions = self.objectives.values()
        return [
            value if direction == "minimize" else -value
            for value, direction in zip(trial.values, directions, strict=True)
        ]

    def count(self, state: State) -> int:
        """How many trials have come to a state."""
        return sum(trial.state == state for trial in self.trials)

    def _beats(self, one: Trial, other: Trial) -> bool:
        ours, theirs = self.losses(one), self.losses(other)
        return ours != theirs and all(a <= b for a, b in zip(ours, theirs, strict=True))


def worst(search: Search) -> list[float]:
    """The worst loss in each objective among the trials that can be found, NaN where there is none: from there a
    hypervolume is counted."""
    losses = [search.losses(trial) for trial in search.trials if trial.counts]
    return [max(of) for of in zip(*losses, strict=True)] if losses else [math.nan] * len(search.objectives)
