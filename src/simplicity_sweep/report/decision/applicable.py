"""Whether requirements are about figures that networks of a task can have."""

from __future__ import annotations

from collections.abc import Iterable

from simplicity_sweep.report.decision.requirements import Requirements
from simplicity_sweep.report.results import ReportError
from simplicity_sweep.tasks import TASKS, Task


def refuse_other_tasks(requirements: Requirements, task: Task, measured: Iterable[str]) -> None:
    """Return nothing where no requirement is about a figure that only another task has.

    Args:
        requirements: what is asked.
        task: what the networks are asked for.
        measured: what is measured of them, beside what the task names.

    Raises:
        ReportError: names the requirement, whose figure it is, and what this task has instead.

    Example:
        >>> from simplicity_sweep.report.decision.requirements import parse
        >>> refuse_other_tasks(parse(["r2 >= 0.5"], []), TASKS["classification"], [])
        Traceback (most recent call last):
        simplicity_sweep.report.results.ReportError: `r2 >= 0.5`: `r2` is a figure of task=regression or forecasting, \
and this is task=classification. Its own are accuracy, loss, noise_l2_logits, flip_rate, jacobian_norm_probabilities; \
`headline` stands for accuracy.
    """
    own = {*task.figures, *measured}
    for metric in requirements.metrics:
        others = [other.name for other in TASKS.values() if metric in other.figures]
        if others and metric not in own:
            raise ReportError(
                f"`{requirements.stated(metric)}`: `{metric}` is a figure of task={' or '.join(others)}, and this is "
                f"task={task.name}. Its own are {', '.join(task.figures)}; `headline` stands for {task.headline}."
            )
