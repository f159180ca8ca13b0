"""What a network can be asked for, and what that makes of its figures: the one place that says so."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

_PATHS_AND_JACOBIANS = ("path_labels", "jacobian_gram")


@dataclass(frozen=True, kw_only=True)
class Task:
    """A kind of answers.

    Attributes:
        name: as in `task=…`.
        answers: what the data must hold, in words.
        headline: the figure that says how good a network is; more is better. On the validation set it is what a job
            returns to its sweeper.
        performance: every figure of how good it is, the headline first.
        noise: the main figure of how far noise moves the outputs.
        change_rate: the share of inputs whose answer noise changes.
        jacobian: the main figure of the Jacobian.
        observed: what measurements may be given of a network; one that needs anything else has no meaning here.
    """

    name: str
    answers: str
    headline: str
    performance: tuple[str, ...]
    noise: str
    change_rate: str
    jacobian: str
    observed: tuple[str, ...]

    @property
    def words(self) -> dict[str, str]:
        """What `decide` may say in place of a figure's name, so that one rule fits every task."""
        return {"headline": self.headline, "change_rate": self.change_rate, "jacobian_norm": self.jacobian}

    @property
    def figures(self) -> tuple[str, ...]:
        """The figures that this description names."""
        return (*self.performance, self.noise, self.change_rate, self.jacobian)

    def objective(self, figures: Mapping[str, float]) -> float:
        """The headline on the validation set; −∞ where it is no number, so that no search takes it for good.

        Example:
            >>> TASKS["regression"].objective({"val/r2": math.nan})
            -inf
        """
        value = figures[f"val/{self.headline}"]
        return -math.inf if math.isnan(value) else value


def _of_numbers(name: str) -> Task:
    return Task(
        name=name,
        answers="numbers (float32 targets)",
        headline="r2",
        performance=("r2", "mae", "mae_in_units", "loss"),
        noise="noise_l2_outputs",
        change_rate="bin_change_rate",
        jacobian="jacobian_norm_outputs",
        observed=("outputs", "noisy_outputs", "bins", "noisy_bins", *_PATHS_AND_JACOBIANS),
    )


TASKS = {
    "classification": Task(
        name="classification",
        answers="one class for each example (int64 labels)",
        headline="accuracy",
        performance=("accuracy", "loss"),
        noise="noise_l2_logits",
        change_rate="flip_rate",
        jacobian="jacobian_norm_probabilities",
        observed=(
            *("logits", "probabilities", "labels", "noisy_logits", "noisy_probabilities", "attacked_logits"),
            *_PATHS_AND_JACOBIANS,
        ),
    ),
    "regression": _of_numbers("regression"),
    "forecasting": _of_numbers("forecasting"),
    "multilabel": Task(
        name="multilabel",
        answers="a set of labels for each example (float32 targets of 0 and 1)",
        headline="macro_f1",
        performance=("macro_f1", "label_accuracy", "subset_accuracy", "loss"),
        noise="noise_l2_outputs",
        change_rate="label_set_change_rate",
        jacobian="jacobian_norm_outputs",
        observed=("outputs", "noisy_outputs", "label_sets", "noisy_label_sets", *_PATHS_AND_JACOBIANS),
    ),
}
"""By name, every task."""

PERFORMANCE = tuple(dict.fromkeys(name for task in TASKS.values() for name in task.performance))
"""Every figure that says how good a network is, of any task."""


def task_of(params: Mapping[str, str]) -> Task:
    """The task of a run with these recorded parameters; those of earlier versions classify.

    Example:
        >>> task_of({"task": "multilabel"}).headline, task_of({}).headline
        ('macro_f1', 'accuracy')
    """
    return TASKS[params.get("task", "classification")]
