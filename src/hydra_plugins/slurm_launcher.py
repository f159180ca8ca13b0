"""`hydra/launcher=slurm`: jobs on the nodes of a Slurm cluster. Hydra imports this module at every start: nothing heavy
here."""

import logging
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn, configure_log, setup_globals
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.fused_launcher import FusedLauncher
from simplicity_sweep.jobs import subdir_of
from simplicity_sweep.launcher import ComposingLauncher
from simplicity_sweep.slurm.resources import Resources

log = logging.getLogger(__name__)

Asked = tuple[list[str], DictConfig | Exception]
"""A job's overrides, and its configuration or why it has none."""

FOLDER = ".slurm"
"""The folder of a sweep's folder that holds what the sweep and its Slurm jobs exchange, and what these print."""


@dataclass
class SlurmLauncherConf(Resources):
    """Its keys under `hydra.launcher`."""

    _target_: str = "hydra_plugins.slurm_launcher.SlurmLauncher"
    jobs_per_node: int = 1  # how many Hydra jobs a Slurm job runs, fused
    max_group: int = 256  # how many of these are open at once


ConfigStore.instance().store(group="hydra/launcher", name="slurm", node=SlurmLauncherConf, provider="simplicity-sweep")


class SlurmLauncher(ComposingLauncher):
    """Cuts a sweep into portions of `jobs_per_node` jobs, and has Slurm run each of them by a `FusedLauncher`.

    A Slurm job that dies costs its own portion only, whose jobs are FAILED with a `JobProcessError`. One that is
    preempted, or whose time is up, is requeued and goes on from its checkpoints.
    """

    elsewhere = True

    def __init__(self, jobs_per_node: int = 1, max_group: int = 256, **resources: Any) -> None:
        super().__init__()
        if jobs_per_node < 1:
            raise ValueError(f"hydra.launcher.jobs_per_node = {jobs_per_node}: should be 1 or more.")
        self.jobs_per_node = jobs_per_node
        self.max_group = FusedLauncher(max_group).max_group
        plain: dict[str, Any] = {
            name: OmegaConf.to_container(value) if OmegaConf.is_config(value) else value
            for name, value in resources.items()
        }
        self.resources = Resources(**plain)
        self.resources.check()

    def refuse(self, configs: Sequence[DictConfig]) -> None:
        """Refuses what this cluster can't run: see `slurm.cluster.refuse`."""
        from simplicity_sweep.config import ConfigError

        if find_spec("submitit") is None:
            raise ConfigError("hydra/launcher=slurm needs the package submitit: pip install 'simplicity-sweep[slurm]'")
        from simplicity_sweep.preflight import resolve
        from simplicity_sweep.slurm.cluster import nodes, refuse

        refuse([resolve(config) for config in configs], self.resources, nodes())

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """One return per job, in their order; a job that raised or whose Slurm job died has the status FAILED.

        Raises:
            ConfigError: Slurm doesn't take the jobs.
        """
        assert self.config is not None
        setup_globals()
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        composed = [self._composed(number, list(o)) for number, o in enumerate(job_overrides, initial_job_idx)]
        self.refuse([config for _, config in composed if isinstance(config, DictConfig)])

        from simplicity_sweep.processes.progress import JobsProgress
        from simplicity_sweep.slurm.cluster import nodes, offered, warn_of_local
        from simplicity_sweep.slurm.watch import Watch

        warn_of_local(Path(str(self.config.hydra.sweep.dir)), offered(nodes(), self.resources.partition))
        sent = self._submit(composed, initial_job_idx)
        log.info("Launching %d jobs in %d Slurm jobs, from %s on", len(composed), len(sent), sent[0].job.job_id)
        with JobsProgress(len(composed)) as progress:
            returns = Watch(sent, progress, stop_on_error=self.stop_on_error).run()
        return [returns[number] for number in sorted(returns)]

    def _composed(self, number: int, overrides: list[str]) -> Asked:
        try:
            return overrides, self.compose(number, overrides)
        except Exception as error:  # what can't be composed is that job's failure alone
            return overrides, error

    def _submit(self, composed: Sequence[Asked], first: int) -> list[Any]:
        """Every portion, as a `Sent`, in arrays as large as Slurm takes them."""
        import submitit
        from submitit.core.utils import FailedJobError, FailedSubmissionError

        from simplicity_sweep.config import ConfigError
        from simplicity_sweep.slurm.cluster import most_in_array
        from simplicity_sweep.slurm.portion import Portion
        from simplicity_sweep.slurm.queue import left_in
        from simplicity_sweep.slurm.watch import Sent

        assert self.config is not None
        sweep = Path(str(self.config.hydra.sweep.dir)).absolute()
        exchange = sweep / FOLDER
        exchange.mkdir(parents=True, exist_ok=True)
        exchange.chmod(0o700)
        if left := left_in(exchange):
            raise ConfigError(
                f"{sweep}: {len(left)} Slurm jobs of this sweep still wait or run ({', '.join(left[:3])} …). "
                f"Wait for their end, or end them: scancel {left[0].partition('_')[0]}"
            )
        executor = submitit.SlurmExecutor(exchange, max_num_timeout=self.resources.max_num_timeout)
        executor.update_parameters(**self.resources.submitted(str(self.config.hydra.job.name)))
        portions = list(_cut(composed, self.jobs_per_node))
        most, sent = most_in_array(), list[Any]()
        for start in range(0, len(portions), most):
            array = portions[start : start + most]
            numbers = [first + (start + place) * self.jobs_per_node for place in range(len(array))]
            try:
                with executor.batch():
                    jobs = [
                        executor.submit(Portion(list(sys.path), sys.argv[0], self._errand(portion, number)))
                        for portion, number in zip(array, numbers, strict=True)
                    ]
            except (FailedJobError, FailedSubmissionError) as error:
                raise ConfigError(f"hydra/launcher=slurm: sbatch refuses the jobs.\n{error}") from error
            for job, portion, number in zip(jobs, array, numbers, strict=True):
                folders = list(_folders(sweep, portion, number))
                sent.append(Sent(job, number, [overrides for overrides, _ in portion], folders))
        return sent

    def _errand(self, portion: Sequence[Asked], first: int) -> bytes:
        import cloudpickle
        from hydra.core.singleton import Singleton

        from simplicity_sweep.slurm.portion import Composed, Errand

        assert self.hydra_context is not None
        assert self.task_function is not None
        assert self.config is not None
        inner = FusedLauncher(self.max_group)
        inner.setup(hydra_context=self.hydra_context, task_function=self.task_function, config=self.config)
        inner.stop_on_error = self.stop_on_error
        asked = [overrides for overrides, _ in portion]
        data: bytes = cloudpickle.dumps(Errand(Singleton.get_state(), inner, Composed(portion), asked, first))
        return data


def _cut(composed: Sequence[Asked], size: int) -> Iterator[Sequence[Asked]]:
    for start in range(0, len(composed), size):
        yield composed[start : start + size]


def _folders(sweep: Path, portion: Sequence[Asked], first: int) -> Iterator[Path]:
    """Those of the jobs, in which no word of an earlier end is left."""
    from simplicity_sweep.processes.ending import forget_ending

    for number, (_, config) in enumerate(portion, first):
        folder = sweep / (subdir_of(config, number) if isinstance(config, DictConfig) else str(number))
        forget_ending(folder)
        yield folder
