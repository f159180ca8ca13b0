"""What a step costs: the engine with one and with sixteen runs, against a bare loop and against its matrix products.

    python bench/engine.py [rounds]

The network is 784-128-64-10, batch 64, Adam, on random data of MNIST's size. Each way does 200 steps a round, in
interleaved rounds; the times are scaled to an epoch of 60,000 examples, for one run. The floor is the time of the eight
matrix products of a step, on one thread, shared out over the threads that there are.
"""

from __future__ import annotations

import platform
import statistics
import sys
import time
from collections.abc import Callable

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from simplicity_sweep.fused import Group, Member, Work

EXAMPLES, BATCH, STEPS = 60_000, 64, 200
LAYERS = ((784, 128), (128, 64), (64, 10))
MANY = 16


class Run(nn.Module):
    """As much of a LightningModule as the engine asks for."""

    def __init__(self) -> None:
        super().__init__()
        linear = [nn.Linear(*sizes) for sizes in LAYERS]
        self.network = nn.Sequential(linear[0], nn.ReLU(), linear[1], nn.ReLU(), linear[2])

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        return cross_entropy(self.network(batch[0]), batch[1])


def engine(runs: int, inputs: Tensor, labels: Tensor) -> Callable[[], float]:
    """Seconds that `STEPS` steps of each of `runs` runs take, divided by `runs`."""
    modules = [Run() for _ in range(runs)]
    group = Group([Member(module, torch.optim.Adam(module.parameters(), lr=1e-3)) for module in modules])

    def measure() -> float:
        works = [Work(inputs, labels, torch.randperm(EXAMPLES)[: STEPS * BATCH], BATCH) for _ in modules]
        start = time.perf_counter()
        group.steps(works)
        return (time.perf_counter() - start) / runs

    measure()  # traces the step
    return measure


def bare(threads: int, inputs: Tensor, labels: Tensor) -> Callable[[], float]:
    """Seconds that `STEPS` steps of an ordinary loop take."""
    run = Run()
    optimizer = torch.optim.Adam(run.parameters(), lr=1e-3)

    def measure() -> float:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        start = time.perf_counter()
        for places in torch.randperm(EXAMPLES)[: STEPS * BATCH].split(BATCH):
            loss = run.training_step((inputs[places], labels[places]), 0)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        seconds = time.perf_counter() - start
        torch.set_num_threads(before)
        return seconds

    return measure


def products(stacked: int) -> Callable[[], float]:
    """Seconds that the matrix products of `STEPS` steps of one run take on one thread, `stacked` runs at a time."""
    inputs = [torch.randn(stacked, BATCH, before) for before, _ in LAYERS]
    weights = [torch.randn(stacked, after, before) for before, after in LAYERS]
    errors = [torch.randn(stacked, BATCH, after) for _, after in LAYERS]
    grads = [torch.empty_like(weight) for weight in weights]

    def step() -> None:
        for layer, (x, w, e, g) in enumerate(zip(inputs, weights, errors, grads, strict=True)):
            torch.bmm(x, w.transpose(1, 2))
            torch.bmm(e.transpose(1, 2), x, out=g)
            if layer:
                torch.bmm(e, w)

    def measure() -> float:
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        start = time.perf_counter()
        for _ in range(STEPS):
            step()
        seconds = time.perf_counter() - start
        torch.set_num_threads(before)
        return seconds / stacked

    return measure


def main(rounds: int) -> None:
    threads = torch.get_num_threads()
    inputs, labels = torch.randn(EXAMPLES, LAYERS[0][0]), torch.randint(0, LAYERS[-1][1], (EXAMPLES,))
    floor = products(4)
    ways: dict[str, Callable[[], float]] = {
        "bare loop, 1 thread": bare(1, inputs, labels),
        f"bare loop, {threads} threads": bare(threads, inputs, labels),
        "engine, 1 run (1 thread)": engine(1, inputs, labels),
        f"engine, {MANY} runs ({threads} threads)": engine(MANY, inputs, labels),
        "matrix products (1 thread)": floor,
        f"matrix products ({threads} threads)": lambda: floor() / threads,
    }
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, measure in ways.items():
            seconds[way].append(measure() * EXAMPLES / BATCH / STEPS)

    table = Table(title=f"seconds per run and epoch of {EXAMPLES:,} examples (median of {rounds} rounds)")
    for column in ("way", "s", "spread"):
        table.add_column(column, justify="left" if column == "way" else "right")
    for way, times in seconds.items():
        table.add_row(way, f"{statistics.median(times):.3f}", f"{min(times):.3f} – {max(times):.3f}")
    Console().print(table)
    print(
        f"{platform.processor() or platform.machine()}, {threads} threads, Python {platform.python_version()}, "
        f"torch {torch.__version__}, n = {rounds}"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
