"""What a sweep loses when it is killed: faults injected, runs lost, repeated, doubled or told wrong.

    python bench/faults.py [faults=200] [seed=0]

A small sweep is run once undisturbed, and then again and again with `resume=true` into a store of its own, each time
hit by a fault at a moment drawn at random, until it has come to its end; then the next one begins, until all faults
were injected. Every metric of every run must be that of the undisturbed sweep, to the bit.

    kill         SIGKILL to the process
    terminate    SIGTERM
    interrupt    Ctrl-C
    twice        Ctrl-C, and again a moment later
    torn         SIGKILL, and the last checkpoint of a job cut to half of its length
    lost         SIGKILL, and the checkpoints of a job are gone
"""

from __future__ import annotations

import platform
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

PROJECT = Path(__file__).resolve().parents[1]
JOBS = ["data=digits", "trainer=cpu", "trainer.max_epochs=30", "activation=relu,tanh", "seed=0,1", "report=false"]
STARTING_SECONDS = 4.0
"""Before that nothing but importing happens."""
HEARD_SECONDS = 5.0
"""Within that a process must have ended after SIGTERM or Ctrl-C."""

Points = dict[tuple[str, str, int], list[float]]


@dataclass
class Sweep:
    """One store and folder, and the command that fills them."""

    folder: Path
    attempts: int = 0

    def start(self) -> subprocess.Popen[bytes]:
        where = [f"tracking.uri=sqlite:///{self.folder}/mlflow.db", f"hydra.sweep.dir={self.folder}/sweep"]
        again = ["resume=true"] if self.attempts else []
        self.attempts += 1
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / f"{self.attempts}.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, str(PROJECT / "train.py"), "-m", *where, *JOBS, *again], stdout=log, stderr=log
            )

    def _query(self, text: str) -> list[tuple[object, ...]]:
        connection = sqlite3.connect(self.folder / "mlflow.db")
        try:
            return connection.execute(text).fetchall()
        finally:
            connection.close()

    def points(self) -> Points:
        """Every point in the store, by the job's number, metric and step."""
        rows = self._query(
            "SELECT t.value, m.key, m.step, m.value FROM metrics m JOIN tags t ON m.run_uuid = t.run_uuid "
            "WHERE t.key = 'job'"
        )
        found: Points = {}
        for job, key, step, value in rows:
            found.setdefault((str(job), str(key), int(str(step))), []).append(float(str(value)))
        return found

    def statuses(self) -> list[tuple[str, str]]:
        """Each run's role and status."""
        rows = self._query(
            "SELECT t.value, r.status FROM runs r JOIN tags t ON r.run_uuid = t.run_uuid WHERE t.key = 'role'"
        )
        return [(str(role), str(status)) for role, status in rows]

    def checkpoints(self) -> list[Path]:
        return sorted((self.folder / "sweep").glob("*/checkpoints/last.ckpt"))


@dataclass
class Tally:
    """What was injected, and what went wrong."""

    injected: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    repeated: int = 0
    doubled: int = 0
    other: int = 0
    untruthful: int = 0
    late: int = 0
    sweeps: int = 0

    def compare(self, sweep: Sweep, whole: Points) -> None:
        """Counts what a sweep that has come to its end has lost, doubled or has otherwise than the undisturbed one."""
        self.sweeps += 1
        points = sweep.points()
        self.lost += len(whole.keys() - points.keys())
        self.doubled += sum(len(values) - 1 for values in points.values())
        self.other += sum(points[key] != whole[key] for key in points.keys() & whole.keys())
        statuses = sweep.statuses()
        self.repeated += abs(len(statuses) - 5)  # four jobs and their parent
        self.untruthful += sum(status != "FINISHED" for _, status in statuses)


def signalled(process: subprocess.Popen[bytes], tally: Tally, *signals: signal.Signals) -> None:
    for number in signals:
        process.send_signal(number)
        time.sleep(0.1)
    try:
        process.wait(HEARD_SECONDS)
    except subprocess.TimeoutExpired:
        tally.late += 1
        process.kill()
        process.wait()


def faults(draw: random.Random) -> dict[str, Callable[[subprocess.Popen[bytes], Sweep, Tally], None]]:
    """What can happen, by name."""

    def torn(process: subprocess.Popen[bytes], sweep: Sweep, tally: Tally) -> None:
        signalled(process, tally, signal.SIGKILL)
        if files := sweep.checkpoints():
            file = draw.choice(files)
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])

    def lost(process: subprocess.Popen[bytes], sweep: Sweep, tally: Tally) -> None:
        signalled(process, tally, signal.SIGKILL)
        if files := sweep.checkpoints():
            shutil.rmtree(draw.choice(files).parent)

    return {
        "kill": lambda process, _, tally: signalled(process, tally, signal.SIGKILL),
        "terminate": lambda process, _, tally: signalled(process, tally, signal.SIGTERM),
        "interrupt": lambda process, _, tally: signalled(process, tally, signal.SIGINT),
        "twice": lambda process, _, tally: signalled(process, tally, signal.SIGINT, signal.SIGINT),
        "torn": torn,
        "lost": lost,
    }


def folders(root: Path) -> Iterator[Path]:
    number = 0
    while True:
        yield root / str(number)
        number += 1


def run(count: int, seed: int, root: Path) -> tuple[Tally, float]:
    """Injects so many faults; what came of them, and how long the undisturbed sweep took."""
    draw, tally = random.Random(seed), Tally()
    possible = faults(draw)
    start = time.perf_counter()
    undisturbed = Sweep(root / "whole")
    if undisturbed.start().wait() != 0:
        raise RuntimeError(f"The undisturbed sweep failed: see {undisturbed.folder}/1.log")
    length, whole = time.perf_counter() - start, undisturbed.points()
    names = [list(possible)[number % len(possible)] for number in range(count)]
    draw.shuffle(names)
    for folder in folders(root):
        sweep, code = Sweep(folder), None
        while code != 0:
            process = sweep.start()
            try:
                code = process.wait(draw.uniform(STARTING_SECONDS, length * 0.95) if names else None)
                if code != 0:
                    raise RuntimeError(f"The sweep failed by itself: see {folder}/{sweep.attempts}.log")
            except subprocess.TimeoutExpired:
                name = names.pop()
                possible[name](process, sweep, tally)
                tally.injected[name] += 1
        tally.compare(sweep, whole)
        if not names:
            return tally, length
    raise AssertionError("unreachable")


def show(tally: Tally, length: float) -> None:
    injected = sum(tally.injected.values())
    table = Table(
        title=f"{injected} faults in {tally.sweeps} sweeps of 4 runs; an undisturbed one takes {length:.0f} s"
    )
    table.add_column("fault")
    table.add_column("injected", justify="right")
    for name, number in sorted(tally.injected.items()):
        table.add_row(name, str(number))
    table.add_section()
    for name in ("lost", "doubled", "other"):
        table.add_row(f"metric points {name}", str(getattr(tally, name)))
    table.add_row("runs repeated or missing", str(tally.repeated))
    table.add_row("statuses untruthful at the end", str(tally.untruthful))
    table.add_row(f"not ended {HEARD_SECONDS:.0f} s after a signal", str(tally.late))
    Console().print(table)
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    print(f"{platform.machine()}, {torch.get_num_threads()} threads, {versions}, n = {injected}")


def main(count: int, seed: int) -> int:
    with tempfile.TemporaryDirectory() as name:
        tally, length = run(count, seed, Path(name))
    show(tally, length)
    wrong = ("lost", "repeated", "doubled", "other", "untruthful", "late")
    return int(any(getattr(tally, what) for what in wrong))


if __name__ == "__main__":
    count, seed = [*sys.argv[1:], *["200", "0"][len(sys.argv) - 1 :]]
    sys.exit(main(int(count), int(seed)))
