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
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import cycle, islice
from pathlib import Path
from struct import unpack_from

from bench.forked import Forked
from bench.tally import HEARD_SECONDS, Tally, show
from bench.victims import JOBS, Server, Sweep

EARLY = 0.3
"""How often a fault comes in the first seconds; else it comes between two writes of metrics, at random."""
EARLY_SECONDS = (0.5, 5.0)
LATER_SECONDS = (0.0, 1.0)
"""How long after such a write."""
LOOK_SECONDS = 0.05
DELIVERING_SECONDS = (4.0, 6.0)
"""Then the command that delivers is killed: it has to import first."""
STUCK_SECONDS = 300.0
"""After that a process is stuck."""
AT_ONCE = 8
"""How many sweeps are started at one moment in the end."""

ANYWHERE = ("kill", "terminate", "interrupt", "twice")
CASES = {
    ("fused", False): (*ANYWHERE, "torn file", "lost files", "torn store", "full disk"),
    ("processes", False): (*ANYWHERE, "torn file", "torn store", "full disk", "worker", "worker"),
    ("fused", True): (*ANYWHERE, "away", "away", "gone", "gone"),
}
"""Launcher, whether a server is before the store, and what can happen there."""
GOES_ON = ("full disk", "worker", "away", "gone")
"""After these the sweep is left to come to an end by itself, whatever that is."""


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


def at_once(how_many: int, root: Path, tally: Tally) -> None:
    """Starts so many sweeps at one moment, into one new store; each of them must be there, as one alone is."""
    alone = Sweep(root / "alone", "fused", epochs=2)
    together = Sweep(root / "together", "fused", epochs=2, name="${now:%H-%M-%S}-${short_id:}")
    processes = [alone.start()]
    processes[0].wait()
    for _ in range(how_many):
        together.attempts = 0
        processes.append(together.start())
    codes = [process.wait() for process in processes]
    statuses = [status for _, status, _ in together.statuses().values()]
    tally.at_once = how_many
    tally.note("untruthful", len(codes) - codes.count(0), together)
    tally.note("missing", how_many * (JOBS + 1) - statuses.count("FINISHED"), together)
    found = together.points("FINISHED")
    for job, points in alone.points("FINISHED").items():
        for key, [value] in points.items():
            tally.note("lost", max(0, how_many - len(found[job][key])), together)
            tally.note("doubled", max(0, len(found[job][key]) - how_many), together)
            tally.note("other", sum(one != value for one in found[job][key]), together)


def run(
    how_many: int,
    seed: int,
    root: Path,
    tally: Tally,
    cases: Mapping[tuple[str, bool], Sequence[str]] = CASES,
    sweeps_at_once: int = AT_ONCE,
) -> None:
    """Injects so many faults, and counts what came of them.

    Args:
        how_many: faults; the last sweep is gone on with undisturbed.
        seed: of what is left to chance.
        root: an empty folder for everything.
        tally: where they are counted.
        cases: what can happen to which sweeps, in turn.
        sweeps_at_once: how many are started at one moment in the end.
    """
    draw = random.Random(seed)
    faults = Faults(draw, tally)
    alone = {
        launcher: undisturbed(Sweep(root / launcher, launcher))
        for launcher in dict.fromkeys(launcher for launcher, _ in cases)
    }
    first, *others = alone.values()
    for other in others:
        tally.compare(other.points("FINISHED"), first.points("FINISHED"), other)
    names = {case: shuffled(possible, draw) for case, possible in cases.items()}
    for number, case in enumerate(cycle(cases)):
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
    at_once(sweeps_at_once, root, tally)


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
