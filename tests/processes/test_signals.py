"""How a sweep of processes is stopped: nothing is left running, whoever is told to end and how."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

APP = Path(__file__).with_name("app.py")
SECONDS = 60  # a loaded machine is given


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_running(pid: int) -> bool:
    """Whether the process is there and no zombie that waits for the end of a parent that is gone."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and ") Z " in status.read_text())


class Running:
    """A sweep of two jobs, each in a process that waits; a third process is ready for a third job."""

    def __init__(self, folder: Path, *overrides: str, sigint_ignored: bool = False) -> None:
        self.folder = folder
        self.output = folder / "output.txt"
        command = [
            sys.executable, str(APP), "-m", "number=0,1,2", "hydra/launcher=processes", "hydra.launcher.imports=[]",
            "hydra.launcher.jobs=2", f"hydra.sweep.dir={folder}/sweep", "hydra.sweep.subdir=${hydra.job.num}",
            *overrides,
        ]  # fmt: skip
        before = signal.signal(signal.SIGINT, signal.SIG_IGN) if sigint_ignored else None
        try:
            with self.output.open("wb") as output:
                self.process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT)
        finally:
            if before is not None:
                signal.signal(signal.SIGINT, before)
        until(lambda: len(self._told("pid")) == 2)
        self.pids = [int(path.read_text()) for path in self._told("pid")]

    def _told(self, name: str) -> list[Path]:
        assert self.process.poll() is None, self.output.read_text()
        return [path for path in sorted((self.folder / "sweep").glob(f"*/{name}")) if path.stat().st_size]

    def interrupted(self) -> list[str]:
        """The jobs that have heard of it."""
        return sorted(path.parent.name for path in (self.folder / "sweep").glob("*/interrupted"))

    def leftovers(self) -> list[int]:
        return [pid for pid in self.pids if is_running(pid)]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def begin(*overrides: str, sigint_ignored: bool = False) -> Running:
        started.append(Running(tmp_path, *overrides, sigint_ignored=sigint_ignored))
        return started[-1]

    yield begin
    for one in started:
        one.process.kill()
        one.process.wait()
        for pid in one.leftovers():
            os.kill(pid, signal.SIGKILL)


def test_one_ctrl_c_lets_every_job_end_by_itself(start: Callable[..., Running]) -> None:
    running = start()
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(SECONDS) != 0
    assert running.interrupted() == ["0", "1"]
    assert running.leftovers() == []
    assert "Interrupted: 2 jobs are ending" in running.output.read_text()
    assert [path.name for path in (running.folder / "sweep").glob(".processes-*")] == []


def test_a_second_ctrl_c_kills_them(start: Callable[..., Running]) -> None:
    running = start("stubborn=true")
    running.process.send_signal(signal.SIGINT)
    until(lambda: running.interrupted() == ["0", "1"])
    assert running.process.poll() is None
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(SECONDS) != 0
    assert running.leftovers() == []
    ending = (running.folder / "sweep" / "0" / "process_end.txt").read_text()
    assert ending == "its process was killed: the sweep was interrupted\n"


def test_sigterm_ends_even_jobs_that_will_not_in_a_few_seconds(start: Callable[..., Running]) -> None:
    running = start("stubborn=true")
    sent = time.monotonic()
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(SECONDS) != 0
    assert time.monotonic() - sent < 30  # 5 on an idle machine; without the limit 60
    assert running.interrupted() == ["0", "1"]
    assert running.leftovers() == []


def test_jobs_of_a_background_command_hear_it_though_it_ignores_ctrl_c(start: Callable[..., Running]) -> None:
    running = start(sigint_ignored=True)
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(SECONDS) != 0
    assert running.interrupted() == ["0", "1"]


def test_jobs_end_when_the_sweeps_process_is_killed(start: Callable[..., Running]) -> None:
    running = start()
    running.process.kill()
    until(lambda: running.leftovers() == [])
    assert running.interrupted() == ["0", "1"]
