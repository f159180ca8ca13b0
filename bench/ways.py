"""Ways to train, each as a function that takes the seconds of one run's epoch; the benches compare them."""

from __future__ import annotations

import multiprocessing
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from simplicity_sweep.fused import Group, Member, Work

EXAMPLES, STEPS = 55_000, 150
INPUTS, CLASSES = 784, 10
Way = Callable[[], float]


def perceptron(*hidden: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in pairwise((INPUTS, *hidden)):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear((INPUTS, *hidden)[-1], CLASSES))


def convolutional() -> nn.Sequential:
    return nn.Sequential(
        nn.Unflatten(1, (1, 28, 28)),
        nn.Conv2d(1, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * 49, CLASSES),
    )


class Run(nn.Module):
    """As much of a LightningModule as the engine asks for."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        return cross_entropy(self.network(batch[0]), batch[1])


def data(seed: int = 0) -> tuple[Tensor, Tensor]:
    """Random pictures and labels, as many as MNIST's."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, CLASSES, (EXAMPLES,), generator=generator)
    return torch.randn(EXAMPLES, INPUTS, generator=generator), labels


def scaled(seconds: float, batch: int, steps: int = STEPS) -> float:
    """What an epoch takes, from what `steps` of its steps take."""
    return seconds * EXAMPLES / batch / steps


def bare(network: Callable[[], nn.Module], batch: int, threads: int, steps: int = STEPS) -> Way:
    """An ordinary torch loop over data that lie as tensors in memory."""
    inputs, labels = data()
    run = Run(network())
    optimizer = torch.optim.Adam(run.parameters(), lr=1e-3)

    def measure() -> float:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        start = time.perf_counter()
        for places in torch.randperm(EXAMPLES)[: steps * batch].split(batch):
            loss = run.training_step((inputs[places], labels[places]), 0)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        seconds = time.perf_counter() - start
        torch.set_num_threads(before)
        return scaled(seconds, batch, steps)

    return measure


_kept: dict[str, Way] = {}


def _prepare(batch: int, steps: int, barrier: multiprocessing.synchronize.Barrier) -> None:
    _kept["way"] = bare(partial(perceptron, 128, 64), batch, 1, steps)
    _kept["way"]()
    barrier.wait()


def _measure(_: int) -> float:
    return _kept["way"]()


class TwoProcesses:
    """Two bare loops at once, each in a process of one thread: what a launcher of processes gives."""

    def __init__(self, batch: int, steps: int = 860) -> None:
        context = multiprocessing.get_context("spawn")
        barrier = context.Barrier(3)
        self._batch, self._steps = batch, steps
        self._pool = context.Pool(2, _prepare, (batch, steps, barrier))
        barrier.wait()

    def __call__(self) -> float:
        start = time.perf_counter()
        self._pool.map(_measure, range(2), chunksize=1)
        return scaled((time.perf_counter() - start) / 2, self._batch, self._steps)

    def close(self) -> None:
        self._pool.terminate()


def engine(network: Callable[[], nn.Module], batch: int, runs: int, steps: int = STEPS) -> Way:
    """The engine of this project with so many runs at once."""
    inputs, labels = data()
    modules = [Run(network()) for _ in range(runs)]
    group = Group([Member(module, torch.optim.Adam(module.parameters(), lr=1e-3)) for module in modules])

    def measure() -> float:
        works = [Work(inputs, labels, torch.randperm(EXAMPLES)[: steps * batch], batch) for _ in modules]
        start = time.perf_counter()
        group.steps(works)
        return scaled((time.perf_counter() - start) / runs, batch, steps)

    measure()  # traces the step
    return measure


def products(sizes: tuple[int, ...], batch: int, stacked: int = 4) -> Way:
    """The matrix products of one run's steps alone, `stacked` runs at a time, shared out over all threads."""
    layers = list(pairwise(sizes))
    inputs = [torch.randn(stacked, batch, before) for before, _ in layers]
    weights = [torch.randn(stacked, after, before) for before, after in layers]
    errors = [torch.randn(stacked, batch, after) for _, after in layers]
    grads = [torch.empty_like(weight) for weight in weights]

    def step() -> None:
        for layer, (x, w, e, g) in enumerate(zip(inputs, weights, errors, grads, strict=True)):
            torch.bmm(x, w.transpose(1, 2))
            torch.bmm(e.transpose(1, 2), x, out=g)
            if layer:
                torch.bmm(e, w)

    def measure() -> float:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        start = time.perf_counter()
        for _ in range(STEPS):
            step()
        seconds = time.perf_counter() - start
        torch.set_num_threads(threads)
        return scaled(seconds / stacked / threads, batch)

    return measure


def jax(batch: int, runs: int, steps: int = STEPS) -> Way | None:
    """The same training in JAX, `jit(vmap(scan(step)))`; None where JAX is not installed."""
    try:
        import jax
        import jax.numpy as jnp
    except ImportError:
        return None
    inputs, labels = (jnp.asarray(tensor.numpy()) for tensor in data())
    sizes = (INPUTS, 128, 64, CLASSES)

    def init(key):
        keys = jax.random.split(key, len(sizes))
        bounds = [before**-0.5 for before in sizes[:-1]]
        return [
            (jax.random.uniform(k, shape, minval=-bound, maxval=bound), jnp.zeros(shape[1]))
            for k, shape, bound in zip(keys, pairwise(sizes), bounds, strict=False)
        ]

    def loss(weights, x, y):
        for w, b in weights[:-1]:
            x = jax.nn.relu(x @ w + b)
        w, b = weights[-1]
        return -jnp.take_along_axis(jax.nn.log_softmax(x @ w + b), y[:, None], 1).mean()

    def step(carry, places):
        weights, first, second, count, rate = carry
        value, grads = jax.value_and_grad(loss)(weights, inputs[places], labels[places])
        count = count + 1
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, grads)
        second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, grads)
        scale = rate * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
        weights = jax.tree.map(lambda w, m, v: w - scale * m / (jnp.sqrt(v) + 1e-8), weights, first, second)
        return (weights, first, second, count, rate), value

    def train(weights, rate, places):
        zeros = jax.tree.map(jnp.zeros_like, weights)
        return jax.lax.scan(step, (weights, zeros, zeros, 0.0, rate), places)

    train_all = jax.jit(jax.vmap(train))
    weights = jax.vmap(init)(jax.random.split(jax.random.PRNGKey(0), runs))
    rates = jnp.linspace(1e-3, 2e-3, runs)

    def measure() -> float:
        orders = [torch.randperm(EXAMPLES)[: steps * batch].view(steps, batch) for _ in range(runs)]
        places = jnp.asarray(torch.stack(orders).numpy())
        start = time.perf_counter()
        jax.block_until_ready(train_all(weights, rates, places))
        return scaled((time.perf_counter() - start) / runs, batch, steps)

    measure()  # compiles
    return measure


def interleaved(ways: Mapping[str, Way], rounds: int) -> dict[str, list[float]]:
    """What each way took in each round, one way after the other."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            seconds[name].append(way())
    return seconds


def show(title: str, seconds: Mapping[str, list[float]], reference: str) -> None:
    """A table of medians, their spread, and how many times `reference` each takes."""
    rounds = len(seconds[reference])
    base = statistics.median(seconds[reference])
    table = Table(title=f"{title}, seconds per run and epoch of {EXAMPLES:,} examples (median of {rounds} rounds)")
    for column in ("way", "s", "spread", f"÷ {reference}"):
        table.add_column(column, justify="left" if column == "way" else "right")
    for way, times in seconds.items():
        median = statistics.median(times)
        table.add_row(way, f"{median:.3f}", f"{min(times):.3f} – {max(times):.3f}", f"{median / base:.2f}")
    Console(width=120).print(table)


def machine() -> str:
    """Hardware and versions, in a line."""
    with Path("/proc/cpuinfo").open() as file:
        models = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    return (
        f"{models[0] if models else platform.machine()}, {torch.get_num_threads()} threads, "
        f"Python {platform.python_version()}, torch {torch.__version__}"
    )
