"""What the sweep's process and its workers exchange, as files in a folder that nobody else can read."""

from __future__ import annotations

import pickle
import traceback
from dataclasses import dataclass

import cloudpickle
from hydra.core.utils import JobReturn, JobStatus
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

START_FILE = "start"
RETURN_SUFFIX = ".return"


@dataclass(frozen=True)
class Start:
    """What all workers of a sweep need.

    Attributes:
        path: where Python looks for modules.
        argv: the sweep's command, under which runs are recorded.
        imports: modules to import ahead.
        work: `Work`, pickled apart, since reading it imports what it is made of.
    """

    path: list[str]
    argv: list[str]
    imports: tuple[str, ...]
    work: bytes


@dataclass(frozen=True)
class Work:
    """What all jobs of a sweep have in common."""

    singletons: object
    context: HydraContext
    task_function: TaskFunction


@dataclass(frozen=True)
class Job:
    """One job, and the GPU that it is to use, if any."""

    config: DictConfig
    overrides: list[str]
    gpu: str | None


def portable(done: JobReturn) -> bytes:
    """What a job returned, pickled so that another process can read it; the text of an exception that can't be."""
    value = done._return_value
    if isinstance(value, Exception):
        traceback.print_exception(value)
        value.add_note("".join(traceback.format_exception(value)))
    try:
        data: bytes = cloudpickle.dumps(done)
        pickle.loads(data)
    except Exception as error:
        told = f"{type(value).__name__}: {value}" if isinstance(value, Exception) else f"it returned {type(value)}"
        done.status = JobStatus.FAILED
        done._return_value = RuntimeError(f"{told} (which can't be sent from process to process: {error})")
        data = cloudpickle.dumps(done)
    return data
