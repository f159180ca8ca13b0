"""A process that runs one job: `python -m simplicity_sweep.processes.worker FOLDER`, started by `Pool` alone.

It imports what the job will need, then waits on standard input for the name of a job's file in FOLDER. What the job
returned is written beside it. Standard input stays open as long as the sweep's process lives: its end tells a worker
that nobody waits for it any more.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time
from importlib import import_module
from pathlib import Path

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, run_job, setup_globals

from simplicity_sweep.jobs import failed
from simplicity_sweep.processes.exchange import RETURN_SUFFIX, START_FILE, Job, Start, Work, portable

_LONGEST_NAME = 255
_ORPHAN_SECONDS = 10


def main() -> None:
    """Runs one job, or none if none comes."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ends it at once: nothing is lost yet
    sweep = _take_standard_input()
    folder = Path(sys.argv[1])
    start: Start = pickle.loads((folder / START_FILE).read_bytes())
    sys.path[:], sys.argv[:] = start.path, start.argv
    unimported = _import(start.imports)
    name = os.read(sweep, _LONGEST_NAME).decode().strip()
    if not name:
        return
    threading.Thread(target=_end_with_sweep, args=[sweep], daemon=True).start()
    file = folder / name
    job: Job = pickle.loads(file.read_bytes())
    file.unlink()  # a store's address in it may hold a password
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whose KeyboardInterrupt lets the job write its end
    if job.gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = job.gpu
    done = failed(job.overrides, unimported) if unimported else _run(start, job)
    draft = folder / f"{name}.draft"
    draft.write_bytes(portable(done))
    draft.replace(folder / f"{name}{RETURN_SUFFIX}")


def _take_standard_input() -> int:
    """Its file descriptor; the job sees an empty one instead."""
    taken = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return taken


def _import(modules: tuple[str, ...]) -> Exception | None:
    """Imports them; what went wrong, if something did."""
    try:
        for module in modules:
            import_module(module)
    except Exception as error:
        return error
    return None


def _end_with_sweep(sweep: int) -> None:
    """Waits for the end of the sweep's process, then ends this one and its children: first in the way of Ctrl-C."""
    while os.read(sweep, 1):
        pass
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(_ORPHAN_SECONDS)
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _run(start: Start, job: Job) -> JobReturn:
    try:
        work: Work = pickle.loads(start.work)
        Singleton.set_state(work.singletons)
        setup_globals()
        return run_job(
            hydra_context=work.context,
            task_function=work.task_function,
            config=job.config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
        )
    except Exception as error:
        return failed(job.overrides, error)


if __name__ == "__main__":
    main()
