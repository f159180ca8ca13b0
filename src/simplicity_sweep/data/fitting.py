"""Whether a data set holds answers of the kind that a task asks for."""

from __future__ import annotations

import torch

from simplicity_sweep.data.errors import DataError
from simplicity_sweep.data.tensors import TensorData
from simplicity_sweep.tasks import TASKS

_SUITED = {
    "classes": "task=classification",
    "numbers": "task=regression, or task=forecasting for a series",
    "sets of labels": "task=multilabel, or task=regression to take 0 and 1 for numbers",
}


def refuse_other_answers(task: str, data: TensorData) -> None:
    """Return nothing where `data`, which is set up, can be learned in `task`.

    Raises:
        DataError: it holds other answers, a target that is always the same, or a single label; the message names task
            and data and says what to do.
    """
    held, name = _held(data), type(data).__name__
    wanted = {"classification": ("classes",), "multilabel": ("sets of labels",)}.get(
        task, ("numbers", "sets of labels")
    )
    if held not in wanted:
        shown = _other_than_labels(data) if (task, held) == ("multilabel", "numbers") else ""
        raise DataError(
            f"task={task} needs {TASKS[task].answers}, but data={name} holds {held}{shown}. "
            f"Choose {_SUITED[held]}; or data that hold {wanted[0]}."
        )
    if task == "multilabel" and data.outputs < 2:
        raise DataError(
            f"task=multilabel needs at least two labels, but data={name} holds one. With one label, yes or no, it is "
            "task=classification with the classes 0 and 1."
        )
    if task in ("regression", "forecasting"):
        constant = (data.train.labels == data.train.labels[0]).all(0).nonzero().flatten().tolist()
        if constant:
            raise DataError(
                f"task={task}: target {constant[0]} of data={name} is {float(data.train.labels[0, constant[0]]):g} in "
                f"every one of the {len(data.train)} training examples: there is nothing to learn. Leave it out."
            )
        if len(data.val) < 2 or len(data.test) < 2:
            raise DataError(
                f"task={task} needs at least two validation and two test examples, for R², but data={name} holds "
                f"{len(data.val)} and {len(data.test)}. Set `data.val_size=2` or more."
            )


def _held(data: TensorData) -> str:
    if data.train.is_classes:
        return "classes"
    parts = (data.train, data.val, data.test)
    return "sets of labels" if all(_are_labels(part.labels) for part in parts) else "numbers"


def _other_than_labels(data: TensorData) -> str:
    """The first target that is neither 0 nor 1, of the training part if it has one."""
    targets = torch.cat([data.train.labels, data.val.labels, data.test.labels])
    row, column = (~((targets == 0) | (targets == 1))).nonzero()[0].tolist()
    return f", such as {float(targets[row, column]):g} in target {column}"


def _are_labels(targets: torch.Tensor) -> bool:
    return bool(((targets == 0) | (targets == 1)).all())
