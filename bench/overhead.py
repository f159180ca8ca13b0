"""What a job of a sweep costs beside training, measuring and the store's own work, in processor time, memory and disk.

    python bench/overhead.py

Where the sweep is started: composing, checking and sending. Where the job runs: everything of a short run on digits, 20
steps and the writing to a file included, so rather too much. Processor time is shown, which other work on the machine
changes less than the time that passes.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

PROJECT = Path(__file__).resolve().parents[1]
ROUNDS = 3
JOBS_A_PORTION = 100
FEW, MANY = 200, 1000  # jobs that are composed
SHORT, LONG = 20, 60  # jobs that are run
QUICK = ["data=digits", "trainer=cpu", "trainer.max_epochs=1", "measure=none", "report=false"]


def composing(jobs: int) -> None:
    """Composes, checks and pickles so many jobs, as the sweeper and the launcher do; prints what that took."""
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import HydraContext, RunMode

    from hydra_plugins.slurm_launcher import SlurmLauncher
    from simplicity_sweep.composer import Composer
    from simplicity_sweep.preflight import preflight, resolve
    from simplicity_sweep.resolvers import register
    from simplicity_sweep.task import run

    register()
    with initialize_config_dir(str(PROJECT / "conf"), version_base="1.3"), TemporaryDirectory() as folder:
        loader = GlobalHydra.instance().config_loader()
        asked = [*QUICK, "trust=[]", f"tracking.uri=sqlite:///{folder}/mlflow.db", "hydra/launcher=slurm"]
        master = loader.load_configuration("config", asked, RunMode.MULTIRUN)
        HydraConfig.instance().set_config(master)
        composer, launcher = Composer(loader, master), SlurmLauncher(JOBS_A_PORTION)
        launcher.setup(hydra_context=HydraContext(loader, None), task_function=run, config=master)  # type: ignore[arg-type]
        launcher.composer = composer
        preflight([composer.compose(["seed=0"])])  # what is done once, however many jobs there are
        memory, began = _resident(), time.process_time()
        overrides = [[f"seed={seed}", f"optim.lr={1 / (seed + 1)}"] for seed in range(jobs)]
        configs = [composer.keep(one) for one in overrides]
        preflight(configs, elsewhere=True)
        resolved = [resolve(config) for config in configs]
        portion = [(one, launcher.compose(number, one)) for number, one in enumerate(overrides)]
        sent = sum(
            len(launcher._errand(portion[first : first + JOBS_A_PORTION], first))
            for first in range(0, jobs, JOBS_A_PORTION)
        )
        assert len(resolved) == jobs
        print(time.process_time() - began, (_resident() - memory) / 1e6, sent / 1e3)


def running(jobs: int) -> None:
    """Runs so many jobs as one; prints the processor time that took."""
    with TemporaryDirectory() as folder:
        where = [f"tracking.uri=sqlite:///{folder}/mlflow.db", f"hydra.sweep.dir={folder}/sweep"]
        command = [sys.executable, str(PROJECT / "train.py"), "-m", *QUICK, *where, f"seed=range({jobs})"]
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(used.ru_utime + used.ru_stime)


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _measured(what: str, jobs: int) -> list[float]:
    done = subprocess.run([sys.executable, __file__, what, str(jobs)], check=True, capture_output=True, text=True)
    return [float(word) for word in done.stdout.split()]


def _a_job(what: str, few: int, many: int) -> list[list[float]]:
    """Of each round, what `what` prints for one job more."""
    rounds = [(_measured(what, few), _measured(what, many)) for _ in range(ROUNDS)]
    return [[(more - less) / (many - few) for less, more in zip(*pair, strict=True)] for pair in rounds]


def main() -> None:
    composed = list(zip(*_a_job("composing", FEW, MANY), strict=True))
    (ran,) = zip(*_a_job("running", SHORT, LONG), strict=True)
    for name, figures, factor in (
        ("composing, checking and sending, ms", composed[0], 1000),
        ("memory of the sweep's process, MB", composed[1], 1),
        ("what is sent, KB", composed[2], 1),
        ("a short run on its node, ms", ran, 1000),
    ):
        scaled = [factor * figure for figure in figures]
        print(f"{name}: {statistics.median(scaled):.3g} ({min(scaled):.3g} – {max(scaled):.3g}), n = {ROUNDS}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        {"composing": composing, "running": running}[sys.argv[1]](int(sys.argv[2]))
    else:
        main()
