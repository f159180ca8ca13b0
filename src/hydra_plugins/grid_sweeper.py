"""`hydra/sweeper=grid`, the default: every combination, all of them checked before the first one starts.

A sweep is recorded as one MLflow parent run, and closed by a table whatever happened. Hydra imports this module at
every start: nothing heavy here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn, JobStatus

from simplicity_sweep.launcher import ComposingLauncher
from simplicity_sweep.resolvers import register
from simplicity_sweep.sweeper import Recording

register()


@dataclass
class GridSweeperConf:
    """Its keys under `hydra.sweeper`."""

    _target_: str = "hydra_plugins.grid_sweeper.GridSweeper"
    max_batch_size: int | None = None
    params: dict[str, str] | None = field(default_factory=dict)


ConfigStore.instance().store(group="hydra/sweeper", name="grid", node=GridSweeperConf, provider="simplicity-sweep")


class GridSweeper(Recording, BasicSweeper):
    """The cartesian product of all choices, as Hydra's basic sweeper makes it."""

    def _sweep(self, arguments: list[str]) -> list[Sequence[JobReturn]]:
        from simplicity_sweep.config import ConfigError, JobsFailed
        from simplicity_sweep.preflight import resolve

        assert self.launcher is not None
        overrides = self._overrides(arguments)
        if (interval := next((one for one in overrides if one.is_interval_sweep()), None)) is not None:
            raise ConfigError(
                f"{interval.input_line}: an interval has no end of values for a grid. Name some, or a range; or let a "
                "search choose: hydra/sweeper=optuna"
            )
        jobs = [job for batch in self.split_arguments(overrides, None) for job in batch]
        composer = self._composer()
        configs = [composer.keep(job) for job in jobs]
        self._refuse(configs)

        from simplicity_sweep.sweep.campaign import Campaign  # seconds, which a refused sweep need not wait for

        campaign = Campaign.planned(configs, jobs, arguments, self._folder)
        self._folder = campaign.folder
        if isinstance(self.launcher, ComposingLauncher):
            self.launcher.composer = composer
        resolved = [resolve(config) for config in configs]
        with campaign.recording() as sweep:
            self._describe(sweep, resolved)
            returns = campaign.run(self.launcher, self.max_batch_size)
        self._report(sweep, resolved[0])
        failed = [job for job in returns if job.status is not JobStatus.COMPLETED]
        if failed:
            raise JobsFailed(f"{len(failed)} of {len(jobs)} jobs failed: see the table above.")
        size = self.max_batch_size or len(returns)
        return [returns[first : first + size] for first in range(0, len(returns), size)]
