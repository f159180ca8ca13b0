"""The jobs that one Slurm job runs, there."""

from __future__ import annotations

import os
import pickle
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING

from hydra.core.singleton import Singleton
from hydra.core.utils import setup_globals
from omegaconf import DictConfig, open_dict

from simplicity_sweep.launcher import ComposingLauncher
from simplicity_sweep.processes.exchange import portable
from simplicity_sweep.resolvers import register

if TYPE_CHECKING:
    from submitit.helpers import DelayedSubmission


class Composed:
    """Configurations that are there already, in the place of a `Composer`: what was checked is what is run, though the
    files of `conf/` may have changed while the job was waiting.

    Args:
        jobs: overrides and configuration of each job, or why it has none.
    """

    def __init__(self, jobs: Sequence[tuple[Sequence[str], DictConfig | Exception]]) -> None:
        self._jobs = [(tuple(overrides), config) for overrides, config in jobs]

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """The configuration of the job with these overrides; nobody else's.

        Raises:
            Exception: it could not be composed.
        """
        place = next(index for index, (known, _) in enumerate(self._jobs) if known == tuple(overrides))
        _, config = self._jobs.pop(place)
        if isinstance(config, Exception):
            raise config
        return config

    def go_on(self) -> None:
        """Sets `resume`, for jobs that have such a key."""
        for _, config in self._jobs:
            if isinstance(config, DictConfig) and "resume" in config:
                with open_dict(config):
                    config.resume = True


@dataclass(frozen=True)
class Errand:
    """What is to be done, pickled apart, since reading it imports what it is made of.

    Attributes:
        singletons: Hydra's.
        launcher: runs the jobs, in the process of the Slurm job.
        composed: their configurations.
        overrides: of each job.
        first: the number of the first one.
    """

    singletons: Mapping[type, Singleton]
    launcher: ComposingLauncher
    composed: Composed
    overrides: Sequence[Sequence[str]]
    first: int


@dataclass(frozen=True)
class Portion:
    """What submitit calls in the Slurm job.

    Before the job's time is up, or when it is preempted or cancelled, it gets a signal, on which it ends in the way of
    Ctrl-C: every run is closed as KILLED, its last epoch's checkpoint is there. A Slurm job that is started again goes
    on from there, in the same MLflow runs.

    Attributes:
        path: where Python looks for modules.
        script: the sweep's command.
        errand: an `Errand`, pickled.
    """

    path: list[str]
    script: str
    errand: bytes

    def __call__(self) -> list[bytes]:
        """What each job returned, pickled."""
        requeue = signal.getsignal(signal.SIGUSR2)  # submitit's
        try:
            with _cut_short():
                return self._run()
        except _CutShort as cut:
            if cut.number == signal.SIGUSR2 and callable(requeue):
                requeue(signal.SIGUSR2, None)
            sys.exit(128 + cut.number)

    def checkpoint(self) -> DelayedSubmission:
        """What is to be run when the Slurm job is started again: the same, since every run finds its checkpoint."""
        from submitit.helpers import DelayedSubmission  # only whoever has Slurm has it

        return DelayedSubmission(self)

    def _run(self) -> list[bytes]:
        sys.path[:], sys.argv[:] = self.path, [self.script]
        register()
        errand: Errand = pickle.loads(self.errand)
        Singleton.set_state(errand.singletons)
        setup_globals()
        if os.environ.get("SLURM_RESTART_COUNT", "0") != "0":
            errand.composed.go_on()
        errand.launcher.composer = errand.composed
        returns = errand.launcher.launch(errand.overrides, initial_job_idx=errand.first)
        return [portable(done) for done in returns]


class _CutShort(KeyboardInterrupt):
    """A signal was heard."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@contextmanager
def _cut_short() -> Iterator[None]:
    """Within the block the first SIGTERM or SIGUSR2 raises `_CutShort`; while that is heeded, others change nothing."""
    numbers = (signal.SIGTERM, signal.SIGUSR2)

    def cut(number: int, _frame: FrameType | None) -> None:
        for other in numbers:
            signal.signal(other, signal.SIG_IGN)
        raise _CutShort(number)

    before = {number: signal.signal(number, cut) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
