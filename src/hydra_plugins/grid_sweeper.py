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

from simplicity_sweep.resolvers import register

register()

INTERRUPTED = 130  # 128 and the number of SIGINT


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
            SystemExit: Ctrl-C, after the table; with the status 130 by which a shell knows it, and no traceback.
        """
        try:
            return self._sweep(arguments)
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)

    def _sweep(self, arguments: list[str]) -> list[Sequence[JobReturn]]:
        import yaml

        from simplicity_sweep import artifacts
        from simplicity_sweep.composer import Composer
        from simplicity_sweep.config import JobsFailed
        from simplicity_sweep.preflight import preflight, refuse_outside, resolve

        assert self.config is not None
        assert self.launcher is not None
        assert self.hydra_context is not None
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        overrides = parser.parse_overrides([*self._parse_config(), *arguments])
        batches = self.split_arguments(overrides, self.max_batch_size)
        jobs = [job for batch in batches for job in batch]
        composer = Composer(self.hydra_context.config_loader, self.config)
        configs = [composer.keep(job) for job in jobs]
        refuse_outside(configs)
        preflight(configs)

        if hasattr(self.launcher, "composer"):
            self.launcher.composer = composer

        from simplicity_sweep.sweep import Sweep  # seconds, which a refused sweep need not wait for

        first = resolve(configs[0])
        returns: list[Sequence[JobReturn]] = []
        with Sweep.recording(first["tracking"], folder=Path(self.config.hydra.sweep.dir), overrides=arguments) as sweep:
            sweep.expect(len(jobs))
            sweep.run.log_texts({artifacts.DECIDE: yaml.safe_dump(first["decide"])})
            for batch in batches:
                returns.append(self.launcher.launch(batch, initial_job_idx=sum(map(len, returns))))
        if first["report"]:
            from simplicity_sweep.report.making import report_at_end

            report_at_end(sweep.store, sweep.run.id)
        failed = [job for batch in returns for job in batch if job.status is not JobStatus.COMPLETED]
        if failed:
            raise JobsFailed(f"{len(failed)} of {len(jobs)} jobs failed: see the table above.")
        return returns
