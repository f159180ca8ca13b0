"""How fast an MLflow server takes runs and points, from 1, 2, 4 and 8 clients at once.

    python bench/store.py http://127.0.0.1:5000 [runs a client=20] [number of the server's process]

A run is what a job of a sweep writes: its start, 15 parameters, three artifacts, 150 points in one write, its end.
Points alone are written a thousand at a time. All clients are processes of this machine. Of a
server that is one too, and has one worker, its processor time is shown, which other work on the machine changes less.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable
from multiprocessing.synchronize import Barrier
from pathlib import Path

from mlflow.entities import Metric

from simplicity_sweep.tracking import Run, Store

CLIENTS = (1, 2, 4, 8)
ROUNDS = 3
POINTS_A_RUN = 150
POINTS_A_WRITE = 1000
EXPERIMENT = "bench-store"


def write_runs(store: Store, how_many: int) -> None:
    for number in range(how_many):
        params = {f"parameter.{place}": place for place in range(15)}
        run = Run.start(store, name=f"seed={number}", params=params, tags={"role": "bench"})
        run.log_texts(
            {"config.yaml": "key: value\n" * 500, "overrides.txt": "seed=0\n", "environment.yaml": "a\n" * 4000}
        )
        for step in range(10):
            run.hold_metrics({f"val/{place}": step / 7 for place in range(POINTS_A_RUN // 10)}, step)
        run.end("FINISHED")


def write_points(store: Store, how_many: int) -> None:
    run = store.client.create_run(store.experiment_id)
    for number in range(how_many):
        now = int(time.time() * 1000)
        metrics = [
            Metric(f"val/{place % 15}", place / 7, now, number * POINTS_A_WRITE + place) for place in range(1000)
        ]
        store.client.log_batch(run.info.run_id, metrics)
    store.client.set_terminated(run.info.run_id)


def client(barrier: Barrier, uri: str, work: Callable[[Store, int], None], how_many: int) -> None:
    store = Store.open(uri, EXPERIMENT)
    barrier.wait()
    work(store, how_many)
    barrier.wait()


def seconds(uri: str, clients: int, work: Callable[[Store, int], None], how_many: int) -> float:
    fork = multiprocessing.get_context("fork")
    barrier = fork.Barrier(clients + 1)
    processes = [fork.Process(target=client, args=(barrier, uri, work, how_many)) for _ in range(clients)]
    for process in processes:
        process.start()
    barrier.wait()
    began = time.perf_counter()
    barrier.wait()
    took = time.perf_counter() - began
    for process in processes:
        process.join()
    return took


def rates(uri: str, clients: int, work: Callable[[Store, int], None], how_many: int) -> list[float]:
    """Of each round, how many a second."""
    return [clients * how_many / seconds(uri, clients, work, how_many) for _ in range(ROUNDS)]


def processor_seconds(pid: int) -> float:
    """What a process of this machine has used of the processors so far."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def used(pid: int, uri: str, work: Callable[[Store, int], None], how_many: int) -> list[float]:
    """Of each round with one client, the server's processor time for one, in seconds."""
    figures = []
    for _ in range(ROUNDS):
        before = processor_seconds(pid)
        seconds(uri, 1, work, how_many)
        figures.append((processor_seconds(pid) - before) / how_many)
    return figures


def shown(figures: list[float]) -> str:
    return f"{statistics.median(figures):8.1f} ({min(figures):.1f} – {max(figures):.1f})"


def main(uri: str, how_many: int, pid: int | None) -> None:
    Store.open(uri, EXPERIMENT)
    writes = max(1, how_many // 4)
    if pid is not None:
        for name, work, number in (("run", write_runs, how_many), ("thousand points", write_points, writes)):
            figures = [1000 * figure for figure in used(pid, uri, work, number)]
            print(f"the server's processor time for a {name}, in ms: {shown(figures)}", flush=True)
    print(f"clients   runs a second (spread), n = {ROUNDS}   points a second")
    for clients in CLIENTS:
        runs = rates(uri, clients, write_runs, how_many)
        points = [rate * POINTS_A_WRITE for rate in rates(uri, clients, write_points, writes)]
        print(f"{clients:7}   {shown(runs)}   {shown(points)}", flush=True)


if __name__ == "__main__":
    address, number, process = [*sys.argv[1:], *["", "20", ""][len(sys.argv) - 1 :]]
    main(address, int(number), int(process) if process else None)
