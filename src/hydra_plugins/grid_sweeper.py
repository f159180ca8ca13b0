"""`hydra/sweeper=grid`, the default: every combination, all of them checked before the first one starts.

A sweep is recorded as one MLflow parent run, and closed by a table whatever happened. Hydra imports this module at
every start: nothing heavy here.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import read_write

from simplicity_sweep.launcher import ComposingLauncher
from simplicity_sweep.resolvers import register
from simplicity_sweep.termination import exit_status, terminated_like_interrupted

register()


@dataclass
class GridSweeperConf:
    """Its keys under `hydra.sweeper`."""

    _target_: str = "hydra_plugins.grid_sweeper.GridSweeper"
    max_batch_size: int | None = None
    params: dict[str, str] | None = field(default_factory=dict)


ConfigStore.instance().store(group="hydra/sweeper", name="grid", node=GridSweeperConf, provider="simplicity-sweep")


class GridSweeper(BasicSweeper):
    """The cartesian product of all choices, as Hydra's basic sweeper makes it."""

    def sweep(self, arguments: list[str]) -> list[Sequence[JobReturn]]:
        """The jobs' returns, a sequence for each batch.

        Raises:
            ConfigError: a job can't be run; none has been started.
            JobsFailed: some jobs failed; the others are finished and recorded.
            SystemExit: Ctrl-C or SIGTERM, after the table; with the status by which a shell knows it, and no traceback.
        """
        try:
            with terminated_like_interrupted():
                return self._sweep(arguments)
        except KeyboardInterrupt as interruption:
            sys.exit(exit_status(interruption))

    def _sweep(self, arguments: list[str]) -> list[Sequence[JobReturn]]:
        import yaml

        from simplicity_sweep import artifacts
        from simplicity_sweep.composer import Composer
        from simplicity_sweep.config import ConfigError, JobsFailed
        from simplicity_sweep.preflight import preflight, refuse_outside, resolve

        assert self.config is not None
        assert self.launcher is not None
        assert self.hydra_context is not None
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        overrides = parser.parse_overrides([*self._parse_config(), *arguments])
        if (interval := next((one for one in overrides if one.is_interval_sweep()), None)) is not None:
            raise ConfigError(
                f"{interval.input_line}: an interval has no end of values for a grid. Name some, or a range; or let a "
                "search choose: hydra/sweeper=optuna"
            )
        jobs = [job for batch in self.split_arguments(overrides, None) for job in batch]
        composer = Composer(self.hydra_context.config_loader, self.config)
        configs = [composer.keep(job) for job in jobs]
        refuse_outside(configs)
        ours = self.launcher if isinstance(self.launcher, ComposingLauncher) else None
        preflight(configs, elsewhere=ours is not None and ours.elsewhere)
        if ours is not None:
            ours.refuse(configs)

        from simplicity_sweep.portrait import keep_portraits
        from simplicity_sweep.sweep.campaign import Campaign  # seconds, which a refused sweep need not wait for

        first = resolve(configs[0])
        campaign = Campaign.planned(configs, jobs, arguments, Path(self.config.hydra.sweep.dir))
        with read_write(self.config.hydra.sweep):
            self.config.hydra.sweep.dir = str(campaign.folder)
        if ours is not None:
            ours.composer = composer
        with campaign.recording() as sweep:
            sweep.run.log_texts({artifacts.DECIDE: yaml.safe_dump(first["decide"])})
            keep_portraits(sweep.run, map(resolve, configs))
            returns = campaign.run(self.launcher, self.max_batch_size)
        if first["report"]:
            from simplicity_sweep.report.making import report_at_end

            report_at_end(sweep.store, sweep.run.id)
        failed = [job for job in returns if job.status is not JobStatus.COMPLETED]
        if failed:
            raise JobsFailed(f"{len(failed)} of {len(jobs)} jobs failed: see the table above.")
        size = self.max_batch_size or len(returns)
        return [returns[first : first + size] for first in range(0, len(returns), size)]
