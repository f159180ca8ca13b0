"""The jobs of one command: those whose results are there already, and those that a launcher is to run."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from mlflow.entities import Run as StoredRun
from omegaconf import DictConfig

from simplicity_sweep.config import ConfigError
from simplicity_sweep.identity import result_hash
from simplicity_sweep.jobs import NotStarted, failed, subdir_of
from simplicity_sweep.launcher import ComposingLauncher
from simplicity_sweep.preflight import resolve
from simplicity_sweep.store import Store
from simplicity_sweep.sweep import Sweep
from simplicity_sweep.sweep.resume import (
    Place,
    earlier_sweep,
    folder_of,
    jobs_of,
    places,
    refuse_taken,
    tell_of_other_code,
)
from simplicity_sweep.tasks import task_of

_LOG = logging.getLogger(__name__)


@dataclass
class Campaign:
    """What a sweep has to do.

    Attributes:
        store: where it is recorded.
        folder: the sweep's.
        earlier: the parent run of the sweep that goes on; None for a new one.
        configs: the jobs' configurations, as composed.
        overrides: the jobs' overrides.
        arguments: the command's.
        places: each job's number, and its run if it is finished.
        stop_on_error: whether a failed job ends the sweep.
    """

    store: Store
    folder: Path
    earlier: StoredRun | None
    configs: Sequence[DictConfig]
    overrides: Sequence[Sequence[str]]
    arguments: Sequence[str]
    places: Sequence[Place]
    stop_on_error: bool

    @classmethod
    def planned(
        cls, configs: Sequence[DictConfig], overrides: Sequence[Sequence[str]], arguments: Sequence[str], folder: Path
    ) -> Campaign:
        """What is to be done for these jobs: everything, or with `resume` what is not finished yet.

        Args:
            configs: the jobs' configurations, checked.
            overrides: the jobs' overrides.
            arguments: the command's.
            folder: that of a new sweep.

        Raises:
            ConfigError: the sweep to go on with doesn't exist, has no such job, or its folder isn't here.
        """
        resolved = [resolve(config) for config in configs]
        first = resolved[0]
        store = Store.open(first["tracking"]["uri"], first["tracking"]["experiment"])
        new = [Place(number) for number in range(len(configs))]
        campaign = cls(store, folder, None, configs, overrides, arguments, new, first["on_error"] == "stop")
        if first["resume"]:
            campaign._go_on(first["resume"], [result_hash(config) for config in resolved])
        if campaign.earlier is None:
            refuse_taken(campaign.folder)
        return campaign

    def _go_on(self, asked: bool | str, hashes: Sequence[str]) -> None:
        earlier = earlier_sweep(self.store, asked, self.arguments, self.folder)
        children = [] if earlier is None else jobs_of(self.store, earlier)
        begun = {child.data.tags.get("config_hash") for child in children}
        if earlier is None or (asked is True and begun and begun.isdisjoint(hashes)):
            _LOG.info("resume = true: no earlier sweep of this command is in %s; a new one starts.", self.store.shown)
            return
        if begun and begun.isdisjoint(hashes):
            raise ConfigError(
                f"resume = {asked!r}: none of that sweep's jobs is one of this command's. Give the same command again, "
                "or leave resume out for a new sweep."
            )
        folder = folder_of(earlier, asked)
        self.earlier, self.folder, self.places = earlier, folder, places(children, hashes)
        tell_of_other_code(place.finished for place in self.places if place.finished is not None)
        finished = len(self.places) - len(self._left())
        _LOG.info("Goes on in %s: %d of %d jobs are finished.", folder, finished, len(self.places))

    def _left(self) -> list[int]:
        """Which jobs are to be run, by their place in the command."""
        return [index for index, place in enumerate(self.places) if place.finished is None]

    def recording(self) -> AbstractContextManager[Sweep]:
        """The sweep's record while its jobs run: see `Sweep.recording`."""
        earlier = None if self.earlier is None else self.earlier.info.run_id
        return Sweep.recording(self.store, self.folder, self._begin, earlier)

    def _begin(self) -> Sweep:
        if self.earlier is None:
            sweep = Sweep.open(self.store, folder=self.folder, overrides=self.arguments)
            sweep.expect(len(self.configs))
            return sweep
        numbers = [self.places[index].job for index in self._left()]
        stored = self.store.client.get_run(self.earlier.info.run_id)
        jobs = max(int(stored.data.tags.get("jobs", 0)), *(place.job + 1 for place in self.places))
        return Sweep.go_on(self.store, stored, numbers, jobs)

    def run(self, launcher: Launcher, max_batch_size: int | None) -> list[JobReturn]:
        """Every job's return, in the command's order: of a finished one what it returned then.

        Args:
            launcher: runs the others.
            max_batch_size: how many of them it is given at once; None for all.
        """
        results = {index: self._finished(index, place) for index, place in enumerate(self.places) if place.finished}
        left = self._left()
        knows = isinstance(launcher, ComposingLauncher)
        if isinstance(launcher, ComposingLauncher):
            launcher.stop_on_error = self.stop_on_error
        most = max_batch_size or max(len(left), 1)
        size = most if knows or not self.stop_on_error else 1
        done: list[JobReturn] = []
        for first in range(0, len(left), size):
            batch = left[first : first + size]
            if self.stop_on_error and any(job.status is not JobStatus.COMPLETED for job in done):
                done += [failed(self.overrides[index], NotStarted()) for index in batch]
            else:
                done += launcher.launch([self._asked(index) for index in batch], initial_job_idx=first)
        results |= dict(zip(left, done, strict=True))
        return [results[index] for index in range(len(self.places))]

    def _asked(self, index: int) -> list[str]:
        """The overrides of a job; where the sweep goes on, with the folder that it had."""
        overrides = list(self.overrides[index])
        if self.earlier is None:
            return overrides
        subdir = subdir_of(self.configs[index], self.places[index].job)
        where = {"hydra.sweep.dir": str(self.folder), "hydra.sweep.subdir": subdir}
        return [*overrides, *(f"{key}={_quoted(value)}" for key, value in where.items())]

    def _finished(self, index: int, place: Place) -> JobReturn:
        assert place.finished is not None
        done: Any = JobReturn(overrides=list(self.overrides[index]), cfg=self.configs[index])
        done.status = JobStatus.COMPLETED
        done.return_value = task_of(place.finished.data.params).objective(place.finished.data.metrics)
        return done  # type: ignore[no-any-return]


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
