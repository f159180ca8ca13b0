"""What the sweep's process and its workers exchange, as files in a folder that nobody else can read."""

from __future__ import annotations

from dataclasses import dataclass

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
