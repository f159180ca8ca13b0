"""`hydra/launcher=processes`: jobs in parallel, each in a fresh process of its own. Hydra imports this module at every
start: nothing heavy here."""

import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn, configure_log, setup_globals
from omegaconf import DictConfig, OmegaConf

from simplicity_sweep.jobs import failed, subdir_of
from simplicity_sweep.launcher import ComposingLauncher

log = logging.getLogger(__name__)


@dataclass
class ProcessesLauncherConf:
    """Its keys under `hydra.launcher`."""

    _target_: str = "hydra_plugins.processes_launcher.ProcessesLauncher"
    jobs: int | None = None  # how many run at once; null: one a core, or as many as there is room for on the GPUs
    jobs_per_gpu: int = 1  # how many share a GPU
    imports: list[str] = field(default_factory=lambda: ["simplicity_sweep.task"])  # while a process waits for its job


ConfigStore.instance().store(
    group="hydra/launcher", name="processes", node=ProcessesLauncherConf, provider="simplicity-sweep"
)


class ProcessesLauncher(ComposingLauncher):
    """Runs each job as Hydra's basic launcher does, in a process that ends with it.

    A process that dies costs its own job only, which is FAILED with a `JobProcessError` that says how it died.
    """

    def __init__(self, jobs: int | None = None, jobs_per_gpu: int = 1, imports: Sequence[str] = ()) -> None:
        super().__init__()
        if jobs is not None and jobs < 1:
            raise ValueError(
                f"hydra.launcher.jobs = {jobs}: should be 1 or more, or null for as many as cores and GPUs allow."
            )
        if jobs_per_gpu < 1:
            raise ValueError(f"hydra.launcher.jobs_per_gpu = {jobs_per_gpu}: should be 1 or more.")
        self.jobs = jobs
        self.jobs_per_gpu = jobs_per_gpu
        self.imports = tuple(imports)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """One return per job, in their order; a job that raised or whose process died has the status FAILED."""
        from simplicity_sweep.processes.pool import Asked, Pool
        from simplicity_sweep.processes.progress import JobsProgress

        assert self.config is not None
        setup_globals()
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        sweep = Path(str(self.config.hydra.sweep.dir)).absolute()
        sweep.mkdir(parents=True, exist_ok=True)
        returns: dict[int, JobReturn] = {}
        asked: list[Asked] = []
        for number, overrides in enumerate(map(list, job_overrides), initial_job_idx):
            try:
                config = self.compose(number, overrides)
                asked.append(Asked(number, overrides, config, sweep / subdir_of(config, number)))
            except Exception as error:  # what can't be composed is that job's failure alone
                returns[number] = failed(overrides, error)
        if asked:
            shares = self._shares([one.config for one in asked])
            log.info("Launching %d jobs in processes of their own, %s", len(asked), shares)
            with TemporaryDirectory(dir=sweep, prefix=".processes-") as exchange, JobsProgress(len(asked)) as progress:
                self._write_start(Path(exchange))
                pool = Pool(shares, Path(exchange), progress, stop_on_error=self.stop_on_error)
                returns |= pool.run(asked)
        return [returns[number] for number in sorted(returns)]

    def _shares(self, configs: Sequence[DictConfig]) -> Any:
        """What each job gets; jobs that all ask for the CPU are not divided among GPUs."""
        from simplicity_sweep.processes.shares import divide, usable_cores, visible_gpus

        on_cpu = all(OmegaConf.select(config, "trainer.accelerator", default=None) == "cpu" for config in configs)
        return divide(
            len(configs),
            usable_cores(),
            () if on_cpu else visible_gpus(),
            at_most=self.jobs,
            per_gpu=self.jobs_per_gpu,
            threads=os.environ.get("OMP_NUM_THREADS", ""),
        )

    def _write_start(self, exchange: Path) -> None:
        """Leaves there what all workers need."""
        import pickle

        import cloudpickle
        from hydra.core.singleton import Singleton

        from simplicity_sweep.processes.exchange import START_FILE, Start, Work

        assert self.hydra_context is not None
        assert self.task_function is not None
        work = cloudpickle.dumps(Work(Singleton.get_state(), self.hydra_context, self.task_function))
        start = Start(list(sys.path), list(sys.argv), self.imports, work)
        (exchange / START_FILE).write_bytes(pickle.dumps(start))
