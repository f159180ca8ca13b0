"""What a configuration may hold: every key, its type and its range, checked before anything is built."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from hydra.errors import CompactHydraException
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from simplicity_sweep.tasks import TASKS

Count = Annotated[int, Field(ge=1, strict=True)]
"""A whole number from 1."""

Label = Annotated[int, Field(ge=0, strict=True)]
"""The number of a class."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$", max_length=100)]
"""One word of letters, digits and underscores, so that it can be a part of a metric's name."""

Rate = Annotated[float, Field(gt=0, lt=float("inf"))]
"""A finite number above 0."""


def _size(value: Any) -> Any:
    whole = isinstance(value, int) and not isinstance(value, bool) and value >= 1
    if not whole and not (isinstance(value, float) and 0 < value < 1):
        raise ValueError("should be a whole number of at least 1, or a share above 0 and below 1")
    return value


def _class_weights(value: Any) -> Any:
    numbers = isinstance(value, list) and len(value) > 0
    if value not in (None, "balanced") and not (numbers and all(_is_rate(weight) for weight in value)):
        raise ValueError("should be null, balanced, or a list of finite numbers above 0, one for each class")
    return value


def _is_rate(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < float("inf")


Size = Annotated[Any, AfterValidator(_size)]
"""A whole number of examples from 1, or a share of them above 0 and below 1."""

ClassWeights = Annotated[Any, AfterValidator(_class_weights)]
"""How much each class counts in the training loss."""

Share = Annotated[float, Field(ge=0, lt=1)]
"""A number from 0 up to, not including, 1."""


class ConfigError(CompactHydraException):
    """A configuration that can't be run. Hydra prints its message alone, without a stack trace."""


class JobsFailed(CompactHydraException):
    """Some jobs of a sweep failed; Hydra prints the message alone and exits with 1."""


class _Closed(BaseModel):
    """Knows all its keys."""

    model_config = ConfigDict(extra="forbid")


class _Factory(BaseModel):
    """A `_target_` with arguments of its own; the target itself refuses those that it doesn't know."""

    model_config = ConfigDict(extra="allow")

    target: Annotated[str, Field(alias="_target_", pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$")]


class _Partial(_Factory):
    """A factory that is called later, with more arguments."""

    partial: Annotated[Literal[True], Field(alias="_partial_")]


class Optim(_Partial):
    """An optimiser's factory."""

    lr: Rate
    weight_decay: Annotated[float, Field(ge=0, lt=float("inf"))] = 0.0
    betas: tuple[Share, Share] | None = None
    momentum: Share | None = None


class Depth(_Closed):
    """How many hidden layers, and how large."""

    hidden_layers: Annotated[int, Field(ge=0, le=1000, strict=True)]
    width: Annotated[int, Field(ge=2, strict=True)]
    sizes: list[Count] | None


class Task(_Closed):
    """What the network is asked for: see `tasks.TASKS`."""

    name: Literal["classification", "regression", "multilabel", "forecasting"]
    bins: Annotated[int, Field(ge=2, strict=True)] | None = None


class Data(_Factory):
    """A data module."""

    root: Annotated[str, Field(min_length=1)] | None = None
    resident: Annotated[bool, Field(strict=True)] | Literal["auto"] = "auto"
    batch_size: Count | None = None
    val_size: Size | None = None
    split_seed: Annotated[int, Field(ge=0, strict=True)] = 0
    class_weights: ClassWeights = None


class Trainer(BaseModel):
    """The keys that have a meaning here; Lightning's Trainer refuses those that it doesn't know."""

    model_config = ConfigDict(extra="allow")

    accelerator: Literal["auto", "cpu", "gpu", "cuda"]
    devices: Literal[1]
    max_epochs: Count
    check_val_every_n_epoch: Count = 1


class Probe(_Closed):
    """How much is observed of a network: see `probe.Probe`."""

    inputs: Annotated[int, Field(ge=2, strict=True)] | None
    paths: Count
    points: Annotated[int, Field(ge=2, strict=True)]
    draws: Count
    sigma: Rate
    epsilon: Rate
    attack_steps: Count


class Probes(_Closed):
    """At validation and at the test."""

    val: Probe
    test: Probe


Observed = Literal[
    "outputs",
    "noisy_outputs",
    "bins",
    "noisy_bins",
    "label_sets",
    "noisy_label_sets",
    "logits",
    "probabilities",
    "labels",
    "noisy_logits",
    "noisy_probabilities",
    "attacked_logits",
    "path_labels",
    "jacobian_gram",
]


class Measurement(_Closed):
    """A pure function, and what it is given."""

    function: _Partial
    of: Annotated[list[Observed], Field(min_length=1)]
    controls: list[Literal["shuffled", "true_labels", "initial"]] = []
    pointwise: bool = False


class Measure(_Closed):
    """What is measured, and when."""

    measurements: dict[Name, Measurement]
    every_n_epochs: Count
    probe: Probes
    points: list[Literal["train", "midpoint", "noise"]]
    paths_between: list[tuple[Label, Label]] | None


class Tracking(_Closed):
    """Where runs are recorded."""

    uri: Annotated[str, Field(min_length=1)]
    experiment: Annotated[str, Field(min_length=1)]


class Decide(_Closed):
    """What is required of a setting: see `report.decision.requirements`."""

    require: list[str]
    prefer: list[str]


class Search(_Closed):
    """What a search (`hydra/sweeper=optuna`) knows beforehand."""

    warm_start: Annotated[str, Field(min_length=1)] | None


class Config(_Closed):
    """One run's whole configuration, resolved and without Hydra's own node."""

    seed: Annotated[int, Field(ge=0, lt=2**63, strict=True)]
    report: Annotated[bool, Field(strict=True)]
    resume: Annotated[bool, Field(strict=True)] | Annotated[str, Field(min_length=1)]
    on_error: Literal["continue", "stop"]
    trust: list[Name]
    task: Task = Task(name="classification")
    data: Data
    model: _Partial
    activation: _Partial
    depth: Depth
    optim: Optim
    trainer: Trainer
    measure: Measure
    tracking: Tracking
    decide: Decide
    search: Search

    @model_validator(mode="after")
    def _measures_at_validation(self) -> Config:
        if self.measure.measurements and self.measure.every_n_epochs % self.trainer.check_val_every_n_epoch:
            raise ValueError(
                f"measure.every_n_epochs = {self.measure.every_n_epochs} must be a multiple of "
                f"trainer.check_val_every_n_epoch = {self.trainer.check_val_every_n_epoch}"
            )
        return self

    @model_validator(mode="after")
    def _task_fits(self) -> Config:
        task = TASKS[self.task.name]
        if task.change_rate == "bin_change_rate" and self.task.bins is None:
            raise ValueError(f"task.bins is null: task={task.name} cuts its outputs into bins; the default is 8")
        for name, measurement in self.measure.measurements.items():
            if unknown := [one for one in measurement.of if one not in task.observed]:
                raise ValueError(
                    f"measure.measurements.{name} has no meaning in task={task.name}: it needs {unknown[0]}, and of "
                    f"these networks there are {', '.join(task.observed)}. Leave it out, or choose measure=default"
                )
            if task.name != "classification" and "true_labels" in measurement.controls:
                raise ValueError(
                    f"measure.measurements.{name}.controls holds true_labels, a control of task=classification only. "
                    "Leave it out"
                )
        if task.name != "classification" and self.measure.paths_between:
            raise ValueError(
                f"measure.paths_between = {[list(pair) for pair in self.measure.paths_between]}: pairs of classes, "
                f"which task={task.name} does not have. Set measure.paths_between=[]"
            )
        return self


def check(cfg: Mapping[str, Any]) -> Config:
    """The validated form of a resolved configuration.

    Raises:
        ConfigError: names every key that is wrong, its value, and what is allowed.
    """
    try:
        return Config.model_validate(cfg)
    except ValidationError as error:
        raise ConfigError("\n".join(_line(problem) for problem in error.errors())) from None


def _line(problem: Any) -> str:
    key = ".".join(str(part) for part in problem["loc"]) or "configuration"
    what = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
    what = what[:1].lower() + what[1:]
    if problem["type"] == "extra_forbidden":
        parent = ".".join(str(part) for part in problem["loc"][:-1])
        shown = f"python train.py --cfg job{f' --package {parent}' if parent else ''}"
        return f"{key} is not a key of this configuration. The keys there are shown by: {shown}"
    if problem["type"] == "missing":
        return f"{key} is missing."
    if problem["type"] == "value_error" and not problem["loc"]:
        return f"{what}."
    return f"{key} = {problem['input']!r}: {what}."
