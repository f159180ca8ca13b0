"""What our launchers have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from simplicity_sweep.composer import Composer


class Composes(Protocol):
    """Whoever has the configurations of a sweep's jobs, such as a `Composer`."""

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """The configuration of the job with these overrides; nobody else's."""


class ComposingLauncher(Launcher):
    """A launcher that composes its jobs fast, and can be told to stop at the first failure.

    Attributes:
        composer: the sweeper's, which has composed the jobs already to check them; without one it has its own.
        stop_on_error: whether no further job is started once one has failed; the sweeper says.
        elsewhere: whether the jobs run on other machines.
    """

    elsewhere = False

    def __init__(self) -> None:
        self.composer: Composes | None = None
        self.stop_on_error = False
        self.config: DictConfig | None = None
        self.task_function: TaskFunction | None = None
        self.hydra_context: HydraContext | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Takes what Hydra hands every launcher."""
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def refuse(self, configs: Sequence[DictConfig]) -> None:
        """Refuses what this launcher can't run, before the first job starts.

        Args:
            configs: the jobs', composed.

        Raises:
            ConfigError: names the key, the value, what is allowed and the remedy.
        """

    def compose(self, number: int, overrides: Sequence[str]) -> DictConfig:
        """The configuration of job `number`, which it names."""
        assert self.hydra_context is not None
        assert self.config is not None
        self.composer = self.composer or Composer(self.hydra_context.config_loader, self.config)
        config = self.composer.compose(overrides)
        with open_dict(config):
            config.hydra.job.id = number
            config.hydra.job.num = number
        return config
