"""What a sweep loses when something happens to it: faults injected, runs lost, repeated, doubled or told wrong.

    python -m bench.faults [faults=200] [seed=0]

A small sweep is run once undisturbed by each launcher, and then again and again with `resume=true` into a store of its
own, each time hit by a fault at a moment drawn at random, until it has come to its end; then the next one begins, by
another launcher or with a server before its store, until all faults were injected. Every metric of every run must be
that of the undisturbed sweep, to the bit.

    kill         SIGKILL to the sweep
    terminate    SIGTERM
    interrupt    Ctrl-C
    twice        Ctrl-C, and again a moment later
    torn file    SIGKILL, and a job's last checkpoint is cut to half of its length
    lost files   SIGKILL, and a job's checkpoints are gone
    torn store   SIGKILL, and the store's last write is cut off in its midst, as by a loss of power
    full disk    no process of the sweep can write to any file any more
    worker       SIGKILL to the process of one job
    away         SIGKILL to the server, which is started again
    gone         SIGKILL to the server; the sweep ends without it, and what it has kept is delivered later, by a command
                 that is killed in its midst and given again

In the end eight sweeps are started at one moment, into one new store.
"""

from __future__ import annotations

import os
import platform
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import metadata
from itertools import cycle, islice
from pathlib import Path
from struct import unpack_from

import torch
from bench.forked import Forked
from bench.victims import JOBS, Points, Server, Sweep
from rich.console import Console
from rich.table import Table

EARLY = 0.3
"""How often a fault comes in the first seconds; else it comes between two writes of metrics, at random."""
EARLY_SECONDS = (0.5, 5.0)
LATER_SECONDS = (0.0, 1.0)
"""How long after such a write."""
LOOK_SECONDS = 0.05
DELIVERING_SECONDS = (4.0, 6.0)
"""Then the command that delivers is killed: it has to import first."""
HEARD_SECONDS = 5.0
"""Within that a process must have ended after SIGTERM or Ctrl-C."""
STUCK_SECONDS = 300.0
"""After that a process is stuck."""
AT_ONCE = 8

ANYWHERE = ("kill", "terminate", "interrupt", "twice")
CASES = {
    ("fused", False): (*ANYWHERE, "torn file", "lost files", "torn store", "full disk"),
    ("processes", False): (*ANYWHERE, "torn file", "torn store", "full disk", "worker", "worker"),
    ("fused", True): (*ANYWHERE, "away", "away", "gone", "gone"),
}
"""Launcher, whether a server is before the store, and what can happen there."""
GOES_ON = ("full disk", "worker", "away", "gone")
"""After these the sweep is left to come to an end by itself, whatever that is."""

WRONG = {
    "lost": "metric points lost",
    "doubled": "metric points doubled",
    "other": "metric points with another value",
    "missing": "runs missing",
    "superfluous": "runs too many",
    "repeated": "finished runs run again",
    "dragged": "jobs that ended with another one's process",
    "untruthful": "statuses and exit codes untruthful",
    "late": f"not ended {HEARD_SECONDS:.0f} s after SIGTERM or Ctrl-C",
}


@dataclass
class Tally:
    """What was injected, and what went wrong."""

    injected: Counter[str] = field(default_factory=Counter)
    sweeps: int = 0
    at_once: int = 0
    wrong: Counter[str] = field(default_factory=Counter)

    def note(self, what: str, how_many: int, sweep: Sweep) -> None:
        """Counts what went wrong, and says where."""
        if how_many:
            self.wrong[what] += how_many
            print(f"{WRONG[what]}: {how_many}, in {sweep.log}", flush=True)

    def compare(self, found: Mapping[str, Points], whole: Mapping[str, Points], sweep: Sweep) -> None:
        """Counts what jobs have lost, doubled or have otherwise than those of the undisturbed sweep."""
        for job, points in found.items():
            self.note("lost", len(whole[job].keys() - points.keys()), sweep)
            self.note("doubled", sum(len(values) - 1 for values in points.values()), sweep)
            differing = (points[key][0] != whole[job].get(key, [None])[0] for key in points)
            self.note("other", sum(differing), sweep)

    def look(self, sweep: Sweep, fault: str | None, code: int, whole: Mapping[str, Points]) -> None:
        """What can be told of a sweep whose process has just ended, with this code, after this fault or none."""
        statuses = sweep.statuses()
        jobs = [status for role, status, _ in statuses.values() if role == "job"]
        done = [status for _, status, _ in statuses.values()] == ["FINISHED"] * (JOBS + 1)
        self.note("untruthful", code == 0 and not done, sweep)
        under_way = sweep.under_way()
        if fault in ("terminate", "interrupt"):  # but what one before it left, which it may not have come to close
            self.note("untruthful", len(under_way - sweep.running), sweep)
        sweep.running = under_way
        if fault == "worker":
            self.note("dragged", max(0, JOBS - 1 - jobs.count("FINISHED")), sweep)
        self.compare(sweep.points("FINISHED"), whole, sweep)
        ended = {run: end for run, (role, status, end) in statuses.items() if (role, status) == ("job", "FINISHED")}
        again = (ended.get(run) != end for run, end in sweep.ended.items())
        self.note("repeated", sum(again), sweep)
        sweep.ended = ended
        self.note("superfluous", max(0, len(statuses) - JOBS - 1), sweep)
        if code == 0:
            self.note("missing", max(0, JOBS + 1 - len(statuses)), sweep)


class Faults:
    """How each fault is done to a sweep.

    Args:
        draw: for what is left to chance.
        tally: where they are counted.
    """

    def __init__(self, draw: random.Random, tally: Tally) -> None:
        self.draw = draw
        self.tally = tally

    def inject(self, name: str, sweep: Sweep, process: Forked) -> int:
        """Does it, and returns the code with which the process has ended."""
        self.tally.injected[name] += 1
        getattr(self, f"_{name.replace(' ', '_')}")(sweep, process)
        code = ended(process, STUCK_SECONDS if name in GOES_ON else HEARD_SECONDS)
        if code is None:
            self.tally.note("late", 1, sweep)
            process.kill()
            code = process.wait()
        if name == "gone":
            self._deliver(sweep)
        return code

    def _kill(self, sweep: Sweep, process: Forked) -> None:
        process.kill()

    def _terminate(self, sweep: Sweep, process: Forked) -> None:
        process.send_signal(signal.SIGTERM)

    def _interrupt(self, sweep: Sweep, process: Forked) -> None:
        process.send_signal(signal.SIGINT)

    def _twice(self, sweep: Sweep, process: Forked) -> None:
        process.send_signal(signal.SIGINT)
        time.sleep(self.draw.uniform(0, 0.5))
        process.send_signal(signal.SIGINT)

    def _killed_with_its_workers(self, sweep: Sweep, process: Forked) -> None:
        process.kill()
        process.wait()
        while workers := sweep.at_work():
            for pid in workers:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _torn_file(self, sweep: Sweep, process: Forked) -> None:
        self._killed_with_its_workers(sweep, process)
        if files := sweep.checkpoints():
            file = self.draw.choice(files)
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])

    def _lost_files(self, sweep: Sweep, process: Forked) -> None:
        self._killed_with_its_workers(sweep, process)
        if files := sweep.checkpoints():
            shutil.rmtree(self.draw.choice(files).parent)

    def _torn_store(self, sweep: Sweep, process: Forked) -> None:
        self._killed_with_its_workers(sweep, process)
        name = sweep.database.name
        log, index = sweep.database.with_name(f"{name}-wal"), sweep.database.with_name(f"{name}-shm")
        if not index.is_file():
            return
        # SQLite's description of its log: the pages' size, how many are written, how many of them are in the file too.
        header = index.read_bytes()
        (page,), (written,), (copied,) = (
            unpack_from("=H", header, 14),
            *(unpack_from("=I", header, at) for at in (16, 96)),
        )
        if written and not copied:  # what is copied was on the disk before
            os.truncate(log, 32 + written * (24 + page) - self.draw.randrange(1, page))

    def _full_disk(self, sweep: Sweep, process: Forked) -> None:
        for pid in [process.pid, *sweep.processes(process)]:
            with suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))

    def _worker(self, sweep: Sweep, process: Forked) -> None:
        if workers := sweep.processes(process):
            os.kill(self.draw.choice(workers), signal.SIGKILL)

    def _away(self, sweep: Sweep, process: Forked) -> None:
        assert sweep.server is not None
        sweep.server.kill()
        time.sleep(self.draw.uniform(0, 3))
        sweep.server.start()

    def _gone(self, sweep: Sweep, process: Forked) -> None:
        assert sweep.server is not None
        sweep.server.kill()

    def _deliver(self, sweep: Sweep) -> None:
        assert sweep.server is not None
        sweep.server.start()
        if not (sweep.folder / "sweep").is_dir():  # it had not begun
            return
        first = sweep.deliver()
        if ended(first, self.draw.uniform(*DELIVERING_SECONDS)) is None:
            first.kill()
            first.wait()
            if sweep.deliver().wait() != 0:
                raise RuntimeError(f"What was kept could not be delivered: see {sweep.log}")


def ended(process: Forked | subprocess.Popen[bytes], seconds: float) -> int | None:
    """The code with which a process ends within so many seconds, if it does."""
    with suppress(subprocess.TimeoutExpired):
        return process.wait(seconds)
    return None


def undisturbed(sweep: Sweep) -> Sweep:
    """A sweep that was left alone."""
    if sweep.start().wait() != 0:
        raise RuntimeError(f"The undisturbed sweep failed: see {sweep.log}")
    return sweep


def await_moment(sweep: Sweep, process: Forked, whole: int, draw: random.Random) -> int | None:
    """Waits for a moment drawn at random: the code with which the process has ended before it, if it has.

    Args:
        sweep: what is under way.
        process: its own.
        whole: how many points of metrics it has in the end.
        draw: for what is left to chance.
    """
    if draw.random() < EARLY:
        return ended(process, draw.uniform(*EARLY_SECONDS))
    number, until = draw.uniform(sweep.stored(), whole), time.monotonic() + STUCK_SECONDS
    while sweep.stored() < number and time.monotonic() < until:
        if (code := ended(process, LOOK_SECONDS)) is not None:
            return code
    return ended(process, draw.uniform(*LATER_SECONDS))


def shuffled(names: Sequence[str], draw: random.Random) -> Iterator[str]:
    """Names at random, each as often as it is in `names`, again and again."""
    while True:
        yield from draw.sample(names, len(names))


def disturb(sweep: Sweep, names: Iterator[str], alone: Sweep, faults: Faults) -> None:
    """Starts a sweep and goes on with it until it has come to its end, each time with a fault, as long as `names` has
    one; then it must be as `alone` is."""
    whole, points = alone.points("FINISHED"), alone.stored()
    code: int | None = None
    while code != 0:
        process, name = sweep.start(), next(names, None)
        code = ended(process, STUCK_SECONDS) if name is None else await_moment(sweep, process, points, faults.draw)
        if code is None and name is not None:
            code = faults.inject(name, sweep, process)
        elif code != 0:
            raise RuntimeError(f"The sweep has failed by itself, with code {code}: see {sweep.log}")
        faults.tally.look(sweep, name, code, whole)
    faults.tally.sweeps += 1


def at_once(root: Path, tally: Tally) -> None:
    """Starts sweeps at one moment, into one new store; each of them must be there, as one alone is."""
    alone = Sweep(root / "alone", "fused", epochs=2)
    together = Sweep(root / "together", "fused", epochs=2, name="${now:%H-%M-%S}-${short_id:}")
    processes = [alone.start()]
    processes[0].wait()
    for _ in range(AT_ONCE):
        together.attempts = 0
        processes.append(together.start())
    codes = [process.wait() for process in processes]
    statuses = [status for _, status, _ in together.statuses().values()]
    tally.at_once = AT_ONCE
    tally.note("untruthful", len(codes) - codes.count(0), together)
    tally.note("missing", AT_ONCE * (JOBS + 1) - statuses.count("FINISHED"), together)
    found = together.points("FINISHED")
    for job, points in alone.points("FINISHED").items():
        for key, [value] in points.items():
            tally.note("lost", max(0, AT_ONCE - len(found[job][key])), together)
            tally.note("doubled", max(0, len(found[job][key]) - AT_ONCE), together)
            tally.note("other", sum(one != value for one in found[job][key]), together)


def run(how_many: int, seed: int, root: Path, tally: Tally) -> None:
    """Injects so many faults, and counts what came of them."""
    draw = random.Random(seed)
    faults = Faults(draw, tally)
    alone = {launcher: undisturbed(Sweep(root / launcher, launcher)) for launcher in ("fused", "processes")}
    tally.compare(alone["processes"].points("FINISHED"), alone["fused"].points("FINISHED"), alone["processes"])
    names = {case: shuffled(possible, draw) for case, possible in CASES.items()}
    for number, case in enumerate(cycle(CASES)):
        if (left := how_many - tally.injected.total()) <= 0:
            break
        folder, (launcher, served) = root / str(number), case
        folder.mkdir()
        server = Server(folder) if served else None
        try:
            if server:
                server.start()
            disturb(Sweep(folder, launcher, server), islice(names[case], left), alone[launcher], faults)
        finally:
            if server:
                server.kill()
    at_once(root, tally)


def show(tally: Tally) -> None:
    table = Table(title=f"{tally.injected.total()} faults in {tally.sweeps} sweeps of {JOBS} runs")
    table.add_column("fault")
    table.add_column("injected", justify="right")
    for name, number in sorted(tally.injected.items()):
        table.add_row(name, str(number))
    table.add_row("sweeps started at one moment", str(tally.at_once))
    table.add_section()
    for what, text in WRONG.items():
        table.add_row(text, str(tally.wrong[what]))
    Console().print(table)
    versions = f"Python {platform.python_version()}, torch {torch.__version__}, MLflow {metadata.version('mlflow')}"
    print(f"{platform.machine()}, {os.cpu_count()} cores, {versions}")


def main(how_many: int, seed: int) -> int:
    root, tally = Path(tempfile.mkdtemp(prefix="faults-")), Tally()
    try:
        run(how_many, seed, root, tally)
    finally:  # Ctrl-C, too
        show(tally)
    if tally.wrong.total():
        print(f"What the sweeps printed and stored is kept in {root}")
        return 1
    shutil.rmtree(root)
    return 0


if __name__ == "__main__":
    arguments = [int(argument) for argument in sys.argv[1:]]
    sys.exit(main(*arguments, *(200, 0)[len(arguments) :]))
