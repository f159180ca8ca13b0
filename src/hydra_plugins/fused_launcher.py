"""`hydra/launcher=fused`, the default: jobs of one shape train as one. Hydra imports this module at every start:
nothing heavy here."""

import gc
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus, configure_log, filter_overrides, run_job, setup_globals
from omegaconf import OmegaConf

from simplicity_sweep.jobs import NotStarted, failed
from simplicity_sweep.launcher import ComposingLauncher

log = logging.getLogger(__name__)


@dataclass
class FusedLauncherConf:
    """Its keys under `hydra.launcher`."""

    _target_: str = "hydra_plugins.fused_launcher.FusedLauncher"
    max_group: int = 256  # jobs that are open at once; further ones wait until these have ended


ConfigStore.instance().store(group="hydra/launcher", name="fused", node=FusedLauncherConf, provider="simplicity-sweep")


class HydraSingleton:
    """The configuration that `${hydra:…}` and `HydraConfig.get()` answer from."""

    def capture(self) -> Any:
        """The one of the running job."""
        return HydraConfig.instance().cfg

    def restore(self, state: Any) -> None:
        """Puts a job's back."""
        HydraConfig.instance().cfg = state


class FusedLauncher(ComposingLauncher):
    """Runs each job as Hydra's basic launcher does, but lets them meet where they train.

    Each job is run by the ordinary task function in a thread of its own, one at a time. Where it comes to do
    optimiser steps it waits for the others; then all networks of one shape are stepped together.
    """

    def __init__(self, max_group: int = 256) -> None:
        super().__init__()
        if max_group < 1:
            raise ValueError(f"hydra.launcher.max_group = {max_group}: should be 1 or more.")
        self.max_group = max_group

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """One return per job, in their order; a job that raised has the status FAILED."""
        from simplicity_sweep.fused.ambient import process_ambients
        from simplicity_sweep.fused.engine import Engine, Steps
        from simplicity_sweep.fused.progress import GroupProgress
        from simplicity_sweep.fused.rendezvous import Meeting

        assert self.config is not None
        setup_globals()
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        Path(str(self.config.hydra.sweep.dir)).mkdir(parents=True, exist_ok=True)
        log.info("Launching %d jobs, fused", len(job_overrides))
        numbered = [(initial_job_idx + place, list(overrides)) for place, overrides in enumerate(job_overrides)]
        returns: dict[int, JobReturn] = {}
        freeze()
        with suppress(_JobFailed):
            for first in range(0, len(numbered), self.max_group):
                with GroupProgress() as progress:
                    group = numbered[first : first + self.max_group]
                    jobs = [self._job(number, overrides, progress.expect, returns) for number, overrides in group]
                    desks: dict[type, Any] = {Steps: progress.watching(Engine())}
                    Meeting(desks, [*process_ambients(), HydraSingleton()]).run(jobs)
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        return [returns.get(number) or failed(overrides, NotStarted()) for number, overrides in numbered]

    def _job(
        self, number: int, overrides: list[str], expect: Callable[[int], None], returns: dict[int, JobReturn]
    ) -> Callable[[], None]:
        """What runs job `number` and leaves its return in `returns`; `expect` is told how many epochs it will train."""

        def run() -> None:
            assert self.hydra_context is not None
            assert self.task_function is not None
            log.info("\t#%d : %s", number, " ".join(filter_overrides(overrides)))
            try:
                config = self.compose(number, overrides)
                expect(OmegaConf.select(config, "trainer.max_epochs", default=0))
                returns[number] = run_job(
                    hydra_context=self.hydra_context,
                    task_function=self.task_function,
                    config=config,
                    job_dir_key="hydra.sweep.dir",
                    job_subdir_key="hydra.sweep.subdir",
                )
            except Exception as error:  # one that could not be composed; what the task raises is in its return
                returns[number] = failed(overrides, error)
            if self.stop_on_error and returns[number].status is JobStatus.FAILED:
                raise _JobFailed

        return run


class _JobFailed(BaseException):
    """Ends all jobs of a launch, because one has failed and `on_error` is `stop`."""


@cache
def freeze() -> None:
    """Lets Python's garbage collector pass over what has been imported: once a process, whose imports stay.

    It would go through a million objects again and again, which made half of what composing and recording cost.
    """
    import simplicity_sweep.task  # noqa: F401 - what it sets when it is imported is then every job's

    gc.freeze()
