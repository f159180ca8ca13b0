"""What our sweepers have in common. Hydra imports this module at every start: nothing heavy here."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext
from omegaconf import DictConfig, read_write

from simplicity_sweep.composer import Composer
from simplicity_sweep.launcher import ComposingLauncher
from simplicity_sweep.termination import exit_status, terminated_like_interrupted

if TYPE_CHECKING:
    from simplicity_sweep.sweep import Sweep


class Recording(ABC):
    """What makes of Hydra's basic sweeper one that checks all jobs before the first one starts, and records them under
    one parent run, which is closed by a table whatever happened.

    It is no sweeper itself: Hydra may load its own classes anew when it looks for plugins, and what inherits from them
    has to be loaded with them.
    """

    config: DictConfig | None
    launcher: Launcher | None
    hydra_context: HydraContext | None

    if TYPE_CHECKING:

        def _parse_config(self) -> list[str]: ...

    def sweep(self, arguments: list[str]) -> list[Sequence[JobReturn]]:
        """The jobs' returns, a sequence for each batch.

        Raises:
            ConfigError: what is asked can't be run; no job has been started.
            JobsFailed: some jobs failed; the others are finished and recorded.
            SystemExit: Ctrl-C or SIGTERM, after the table; with the status by which a shell knows it, and no traceback.
        """
        try:
            with terminated_like_interrupted():
                return self._sweep(arguments)
        except KeyboardInterrupt as interruption:
            sys.exit(exit_status(interruption))

    @abstractmethod
    def _sweep(self, arguments: list[str]) -> list[Sequence[JobReturn]]:
        """What `sweep` returns."""

    def _overrides(self, arguments: Sequence[str]) -> list[Override]:
        """What is asked, in `hydra.sweeper.params` and on the command line."""
        assert self.hydra_context is not None
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        return parser.parse_overrides([*self._parse_config(), *arguments])

    def _composer(self) -> Composer:
        """A composer of the jobs' configurations."""
        assert self.config is not None
        assert self.hydra_context is not None
        return Composer(self.hydra_context.config_loader, self.config)

    def _refuse(self, configs: Sequence[DictConfig]) -> None:
        """Refuses jobs that nobody, or this launcher, can run.

        Raises:
            ConfigError: names the key, the value, what is allowed and the remedy.
        """
        from simplicity_sweep.preflight import preflight, refuse_outside

        refuse_outside(configs)
        ours = self.launcher if isinstance(self.launcher, ComposingLauncher) else None
        preflight(configs, elsewhere=ours is not None and ours.elsewhere)
        if ours is not None:
            ours.refuse(configs)

    @property
    def _folder(self) -> Path:
        """The sweep's."""
        assert self.config is not None
        return Path(self.config.hydra.sweep.dir)

    @_folder.setter
    def _folder(self, folder: Path) -> None:
        assert self.config is not None
        with read_write(self.config.hydra.sweep):
            self.config.hydra.sweep.dir = str(folder)

    def _describe(self, sweep: Sweep, configs: Sequence[Mapping[str, Any]]) -> None:
        """Keeps with a sweep what is required of a setting, and what its data are."""
        import yaml

        from simplicity_sweep import artifacts
        from simplicity_sweep.portrait import keep_portraits

        sweep.run.log_texts({artifacts.DECIDE: yaml.safe_dump(configs[0]["decide"])})
        keep_portraits(sweep.run, configs)

    def _report(self, sweep: Sweep, config: Mapping[str, Any]) -> None:
        """Makes a sweep's report, if it is asked for."""
        if config["report"]:
            from simplicity_sweep.report.making import report_at_end

            report_at_end(sweep.store, sweep.run.id)
