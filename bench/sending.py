"""What a job of a sweep on Slurm costs the machine on which the sweep is started: processor time, memory, disk.

    python bench/sending.py

Jobs are composed, checked and written for Slurm as the sweeper and the launcher do it; nothing is sent, and no Slurm is
needed. Processor time is shown, which other work on the machine changes less than the time that passes.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import HydraContext, RunMode

from hydra_plugins.slurm_launcher import SlurmLauncher
from simplicity_sweep.composer import Composer
from simplicity_sweep.preflight import preflight, resolve
from simplicity_sweep.resolvers import register
from simplicity_sweep.task import run

PROJECT = Path(__file__).resolve().parents[1]
ROUNDS = 3
JOBS = 300
JOBS_A_PORTION = 100
QUICK = ["data=digits", "trainer=cpu", "hydra/launcher=slurm"]


def prepared(composer: Composer, launcher: SlurmLauncher, overrides: Sequence[list[str]]) -> tuple[list[Any], int]:
    """What the sweep's process keeps of these jobs until they have ended, and how many bytes it writes for Slurm."""
    configs = [composer.keep(one) for one in overrides]
    preflight(configs, elsewhere=True)
    resolved = [resolve(config) for config in configs]
    jobs = [(one, launcher.compose(number, one)) for number, one in enumerate(overrides)]
    portions = range(0, len(jobs), JOBS_A_PORTION)
    written = sum(len(launcher._errand(jobs[first : first + JOBS_A_PORTION], first)) for first in portions)
    return [configs, resolved, jobs], written


def resident() -> int:
    """The memory of this process, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def shown(figures: Sequence[float]) -> str:
    return f"{statistics.median(figures):.3g} ({min(figures):.3g} – {max(figures):.3g})"


def main(folder: str) -> None:
    register()
    with initialize_config_dir(str(PROJECT / "conf"), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        store = f"tracking.uri=sqlite:///{folder}/mlflow.db"
        master = loader.load_configuration("config", [*QUICK, store], RunMode.MULTIRUN)
        HydraConfig.instance().set_config(master)
        composer, launcher = Composer(loader, master), SlurmLauncher(JOBS_A_PORTION)
        launcher.setup(hydra_context=HydraContext(loader, None), task_function=run, config=master)  # type: ignore[arg-type]
        launcher.composer = composer
        prepared(composer, launcher, [["seed=0"]])  # what is done once, however many jobs there are
        kept, milliseconds, megabytes, kilobytes = [], [], [], []
        for place in range(ROUNDS):
            seeds = range(1 + place * JOBS, 1 + (place + 1) * JOBS)
            memory, began = resident(), time.process_time()
            jobs, written = prepared(composer, launcher, [[f"optim.lr={1 / seed}", f"seed={seed}"] for seed in seeds])
            kept.append(jobs)
            milliseconds.append(1e3 * (time.process_time() - began) / JOBS)
            megabytes.append((resident() - memory) / 1e6 / JOBS)
            kilobytes.append(written / 1e3 / JOBS)
    print(f"a job, median (spread) of n = {ROUNDS} rounds of {JOBS}")
    print(f"composing, checking and writing, ms: {shown(milliseconds)}")
    print(f"memory of the sweep's process, MB: {shown(megabytes)}")
    print(f"written for Slurm, KB: {shown(kilobytes)}")


if __name__ == "__main__":
    with TemporaryDirectory() as directory:
        main(directory)
