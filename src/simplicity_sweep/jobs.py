"""Hydra's jobs: where each one writes, and what a launcher returns for one that Hydra did not run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig, read_write


class NotStarted(Exception):
    """A job was not begun, or not run to its end, because an earlier one failed and `on_error` is `stop`."""

    def __init__(self) -> None:
        super().__init__("not started, or not to its end: an earlier job failed (on_error=stop)")


def failed(overrides: Sequence[str], error: Exception) -> JobReturn:
    """The return of a job that failed with `error`.

    Example:
        >>> failed(["seed=1"], ValueError("no")).status.name
        'FAILED'
    """
    done: Any = JobReturn(overrides=list(overrides), status=JobStatus.FAILED)
    done.return_value = error
    return done  # type: ignore[no-any-return]


def subdir_of(config: DictConfig, number: int) -> str:
    """What Hydra will make of a job's `hydra.sweep.subdir`, which may name the job's number or overrides.

    Args:
        config: the job's, Hydra's node included; it has the number afterwards.
        number: the job's.

    Raises:
        OmegaConfBaseException: it can't be resolved.
    """
    job = config.hydra.job
    with read_write(job):  # of this small node alone: it costs a walk through all that is below
        job.num, job.id = number, str(number)
    singleton: Any = HydraConfig.instance()
    before, singleton.cfg = singleton.cfg, config  # `${hydra:…}` answers from it
    try:
        return str(config.hydra.sweep.subdir)
    finally:
        singleton.cfg = before
