"""The results of a sweep: what its jobs measured, as plain values without MLflow."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Literal

import numpy as np
import numpy.typing as npt

from simplicity_sweep.report.search.trials import Search
from simplicity_sweep.tasks import PERFORMANCE, Task, task_of

JobStatus = Literal["FINISHED", "FAILED", "KILLED", "RUNNING", "MISSING"]
Cell = tuple[str, int]
"""A setting and a seed."""


class ReportError(Exception):
    """A report that can't be made; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job of a sweep: one setting under one seed.

    Attributes:
        setting: what is varied, e.g. `tanh`, or `activation=tanh optim.lr=0.1`.
        seed: its replicate.
        status: MLflow's; MISSING for a cell of the sweep that no run was recorded for.
        run: MLflow's id of the run; empty for a missing one.
        params: chosen parameters, e.g. `optim.lr`, as text.
        data: fingerprint of the data that it was trained on; empty where none was recorded.
        figures: final figures by MLflow's name, e.g. `test/lz76_path`; NaN where one is undefined.
        curves: by name, e.g. `val/lz76_path`, its points (epoch, value) in order.
        undefined: why a figure is NaN, by its name.
        failure: why the run did not finish, one line.
    """

    setting: str
    seed: int
    status: JobStatus
    run: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    data: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)
    curves: Mapping[str, Sequence[tuple[int, float]]] = field(default_factory=dict)
    undefined: Mapping[str, str] = field(default_factory=dict)
    failure: str | None = None


@dataclass(frozen=True, kw_only=True)
class Path:
    """What one network says along the straight path between two inputs of known classes.

    Attributes:
        start: true class of the input at its start.
        end: true class of the input at its end.
        labels: predicted label at each point, evenly spaced, both ends included; −1 where an output is not finite.
    """

    start: int
    end: int
    labels: Sequence[int]


@dataclass(frozen=True, kw_only=True)
class Results:
    """What a sweep, or several of the same data merged, measured.

    Attributes:
        name: the sweep's, or those of several joined by ` + `.
        about: what was compared and how, by a name for people, e.g. `{"data": "mnist", "epochs": "10"}`.
        base: the setting that the others are compared with.
        jobs: one for each cell, each setting and seed once, in the order of settings and then seeds.
        notes: what a reader must know: jobs that run still, that were superseded, that never started.
        paths: by setting, what its network with the lowest seed says along the same paths.
        classes: how many labels there are; 0 where it is not known.
        search: what was tried, if the sweep is a search; its pruned trials are no jobs here.
    """

    name: str
    about: Mapping[str, str]
    base: str
    jobs: Sequence[Job]
    notes: Sequence[str] = ()
    paths: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    classes: int = 0
    search: Search | None = None

    @cached_property
    def task(self) -> Task:
        """What the networks were asked for."""
        return task_of(next((job.params for job in self.jobs if job.params), {}))

    @cached_property
    def settings(self) -> list[str]:
        """Each setting once, the base first, the others in the order in which they were swept."""
        found = dict.fromkeys(job.setting for job in self.jobs)
        return [self.base, *(setting for setting in found if setting != self.base)]

    @cached_property
    def seeds(self) -> list[int]:
        """Each seed once, ascending."""
        return sorted({job.seed for job in self.jobs})

    @cached_property
    def finished(self) -> Mapping[Cell, Job]:
        """The jobs with a result, by cell."""
        return {(job.setting, job.seed): job for job in self.jobs if job.status == "FINISHED"}

    @cached_property
    def absent(self) -> list[tuple[Cell, str]]:
        """Each cell without a result, and why, in the order of settings and seeds."""
        jobs = {(job.setting, job.seed): job for job in self.jobs}
        cells = [cell for cell in product(self.settings, self.seeds) if cell not in self.finished]
        return [(cell, _why(jobs.get(cell))) for cell in cells]

    @cached_property
    def measurements(self) -> list[str]:
        """Names of what was measured on the test set, without `test/`: `accuracy`, `lz76_path` …; those of performance
        first."""
        names = dict.fromkeys(
            name.removeprefix("test/")
            for job in self.finished.values()
            for name in job.figures
            if name.startswith("test/") and not name.endswith("/standard_error")
        )
        return sorted(names, key=lambda name: (name not in PERFORMANCE, name))

    def values(self, setting: str, figure: str) -> dict[int, float]:
        """By seed, the figure of each finished job of a setting that has it; undefined ones (NaN) are left out.

        Args:
            setting: which.
            figure: MLflow's name of it, e.g. `test/lz76_path` or `null/lz76_path/shuffled`.
        """
        found = {
            seed: self.finished[setting, seed].figures.get(figure, math.nan)
            for seed in self.seeds
            if (setting, seed) in self.finished
        }
        return {seed: value for seed, value in found.items() if not math.isnan(value)}

    def degenerate(self, setting: str) -> list[int]:
        """The seeds whose network of this setting is degenerate: its other figures are those of a dead network."""
        return [seed for seed, value in self.values(setting, "test/degenerate").items() if value == 1]


def array(values: Mapping[int, float]) -> npt.NDArray[np.float64]:
    """The values in the order of their seeds, shape `[n]`."""
    return np.array([values[seed] for seed in sorted(values)], dtype=np.float64)


def _why(job: Job | None) -> str:
    if job is None or job.status == "MISSING":
        return "no run was recorded"
    return job.status.lower() + (f": {job.failure}" if job.failure else "")
