"""What the measurements cost: Lempel–Ziv complexities against antropy and lzcomplexity, Jacobian norms against torch's.

    python bench/measurements.py [rounds]

Medians of interleaved rounds, with their spread; growth is timed one string after the other. antropy and lzcomplexity
are needed here only (`pip install antropy lzcomplexity`); where one is missing, its rows are left out, saying so. Their
counts are compared with this project's.
"""

from __future__ import annotations

import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import nn
from torch.func import functional_call, jacrev, vmap
from ways import Way, interleaved, machine, perceptron

from simplicity_sweep.functional import Estimate, jacobian_gram, jacobian_norm_logits, lz76, lz76_batch
from simplicity_sweep.functional.hutchinson import jacobian_norm_differences, jacobian_norm_hutchinson

OURS = "this project"
ROWS, LENGTH, SAMPLE, INPUTS = 100_000, 128, 2_000, 10_000
CHUNKS = (100, 200, 500, 1000, 2000)
LENGTHS = (10**4, 10**5, 10**6, 10**7)

FRESH = """
import json, sys, time
import numpy as np, torch
def timed(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
times = [timed(lambda: __import__("simplicity_sweep.functional"))]
numba_came_along = "numba" in sys.modules
from simplicity_sweep.functional import lz76, lz76_batch
row = np.random.default_rng(0).integers(0, 2, 10_000).astype(np.uint8)
times += [timed(lambda: __import__("numba")), *(timed(lambda: lz76(row)) for _ in range(2))]
times += [timed(lambda: lz76_batch(row.reshape(100, 100))) for _ in range(2)]
from simplicity_sweep.functional.kernels import index, rows
kernels = [kernel for module in (index, rows) for kernel in vars(module).values() if hasattr(kernel, "stats")]
print(json.dumps([numba_came_along, sum(sum(kernel.stats.cache_misses.values()) for kernel in kernels), *times]))
"""
WITHOUT_NUMBA = """
import json, sys, time
sys.modules["numba"] = None  # its import fails
import numpy as np
from simplicity_sweep.functional import lz76, lz76_batch
with np.load(sys.argv[1]) as file:
    rows, strings = file["rows"], [file[name] for name in file if name != "rows"]
start = time.perf_counter()
counts = [lz76(string) for string in strings]
between = time.perf_counter()
counts += lz76_batch(rows).tolist()
print(json.dumps([between - start, time.perf_counter() - between, counts]))
"""


def library(name: str) -> ModuleType | None:
    """A library that only this bench needs; None, having said so, where it is not installed."""
    try:
        return import_module(name)
    except ImportError:
        print(f"The rows of {name} are left out: it is not installed (pip install {name}).")
        return None


def timed(call: Callable[[], object], times: int = 1) -> float:
    """The seconds of a call; the mean of a few in a row, where one alone is too short to be timed."""
    start = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - start) / times


def random(n: int, symbols: int = 2) -> np.ndarray:
    return np.random.default_rng(n).integers(0, symbols, n).astype(np.uint8)


def biased(n: int, ones: float) -> np.ndarray:
    return (np.random.default_rng(n).random(n) < ones).astype(np.uint8)


def fibonacci(n: int) -> np.ndarray:
    before, word = b"\1", b"\0"
    while len(word) < n:
        before, word = word, word + before
    return np.frombuffer(word[:n], np.uint8)


def thue_morse(n: int) -> np.ndarray:
    parity = np.zeros(1, np.uint8)
    while parity.size < n:
        parity = np.concatenate([parity, 1 - parity])
    return parity[:n]


def de_bruijn(n: int) -> np.ndarray:
    """A cycle of a shift register that holds every word of 18 bits but zeros once, repeated."""
    register, bits = 1, []
    for _ in range(min(n, 2**18 - 1)):
        bits.append(register & 1)
        register = register >> 1 | ((register ^ register >> 7) & 1) << 17
    return np.resize(np.array(bits, np.uint8), n)


def growing_runs(n: int) -> np.ndarray:
    runs = np.arange(1, math.isqrt(2 * n) + 3)
    return np.repeat((runs % 2).astype(np.uint8), runs)[:n]


def interrupted(n: int) -> np.ndarray:
    return (np.arange(n) == n // 2).astype(np.uint8)


def halves(n: int) -> np.ndarray:
    return np.tile(random(n // 2), 2)


def planted(n: int) -> np.ndarray:
    """Random symbols with one word of 30 in every 34."""
    string, word = random(n), random(30)
    for place, symbol in enumerate(word):
        string[place : n - n % 34 : 34] = symbol
    return string


STRINGS: dict[str, Callable[[int], np.ndarray]] = {
    "random, 2 symbols": random,
    "random, 10 symbols": partial(random, symbols=10),
    "random, 1 % ones": partial(biased, ones=0.01),
    "period 7": lambda n: np.resize(np.array([0, 0, 1, 0, 1, 1, 1], np.uint8), n),
    "constant": lambda n: np.zeros(n, np.uint8),
    "Fibonacci word": fibonacci,
    "Thue–Morse word": thue_morse,
    "de Bruijn, order 18, repeated": de_bruijn,
    "random, 20 % ones": partial(biased, ones=0.2),
    "aⁿbaⁿ": interrupted,
    "runs of 1, 2, 3, …": growing_runs,
    "a random half, twice": halves,
    "one word planted everywhere": planted,
    "random, then 5 % ones": lambda n: np.concatenate([random(n // 2), biased(n - n // 2, 0.05)]),
    "all symbols different": lambda n: np.arange(n),
}


def long_sequences(rounds: int, antropy: ModuleType | None, lzcomplexity: ModuleType | None) -> None:
    for n in (10**4, 10**6):
        string, times = random(n), 10**5 // n or 1
        text, numbers = string.tobytes(), string.astype(np.int64)
        ways: dict[str, Way] = {OURS: partial(timed, partial(lz76, string), times)}
        if lzcomplexity is not None:
            assert 0 <= lz76(string) - lzcomplexity.factorization(text)[0] <= 1  # it drops an incomplete last component
            ways["lzcomplexity"] = partial(timed, partial(lzcomplexity.factorization, text), times)
        if antropy is not None and n == 10**4:
            assert antropy.lziv_complexity(numbers) == lz76(string)
            ways["antropy"] = partial(timed, partial(antropy.lziv_complexity, numbers), times)
        show(f"lz76 of a random binary string, n = {n:,}", interleaved(ways, rounds))


def growth(rounds: int) -> None:
    table = Table()
    for column in ("string", *(f"n = {n:.0e}" for n in LENGTHS), "exponent"):
        table.add_column(column, justify="left" if column == "string" else "right")
    for name, string in STRINGS.items():
        seconds = [_counting(string(n), rounds) for n in LENGTHS]
        exponent = math.log(seconds[-1] / seconds[0]) / math.log(LENGTHS[-1] / LENGTHS[0])
        rates = [f"{1e9 * second / n:.1f}" for second, n in zip(seconds, LENGTHS, strict=True)]
        table.add_row(name, *rates, f"{exponent:.2f}")
    _print(f"lz76, ns per symbol, and the exponent of n from 1e4 to 1e7 (median of {rounds} rounds)", table)


def _counting(string: np.ndarray, rounds: int) -> float:
    times = 10**5 // string.size or 1
    return statistics.median(timed(partial(lz76, string), times) for _ in range(rounds))


def batches(rounds: int, antropy: ModuleType | None) -> None:
    for symbols in (2, 10):
        rows = torch.randint(0, symbols, (ROWS, LENGTH), generator=torch.Generator().manual_seed(0))
        narrow = rows.to(torch.uint8)
        ways: dict[str, Way] = {
            f"{OURS}, uint8": partial(timed, partial(lz76_batch, narrow)),
            f"{OURS}, int64": partial(timed, partial(lz76_batch, rows)),
        }
        if antropy is not None:
            count, sample = antropy.lziv_complexity, list(rows[:SAMPLE].numpy())
            assert [count(row) for row in sample] == lz76_batch(rows[:SAMPLE]).tolist()
            ways["antropy in a loop"] = lambda c=count, s=sample: ROWS / SAMPLE * timed(lambda: [c(row) for row in s])
        if torch.cuda.is_available():
            ways[f"{OURS}, CUDA"] = partial(timed, partial(_on_gpu, narrow.cuda()))
        title = f"lz76_batch, {ROWS:,} strings of {LENGTH} symbols of {symbols} (antropy: {SAMPLE:,} strings, scaled)"
        show(title, interleaved(ways, rounds))
    print(torch.cuda.get_device_name() if torch.cuda.is_available() else "No CUDA device: its row is left out.")


def _on_gpu(rows: torch.Tensor) -> None:
    lz76_batch(rows)
    torch.cuda.synchronize()


def jacobians(rounds: int) -> None:
    torch.manual_seed(0)
    network, inputs = perceptron(128, 64).eval(), torch.randn(INPUTS, 784)
    weights = {name: weight.detach() for name, weight in network.named_parameters()}

    def norm(x: torch.Tensor) -> torch.Tensor:
        return torch.linalg.vector_norm(jacrev(lambda given: functional_call(network, weights, (given,)))(x))

    def ours() -> torch.Tensor:
        return jacobian_gram(network, inputs).diagonal(dim1=1, dim2=2).sum(dim=1).sqrt()

    tried = {f"vmap(jacrev), chunks of {chunk}": partial(vmap(norm, chunk_size=chunk), inputs) for chunk in CHUNKS}
    tried["vmap(jacrev), all at once"] = partial(vmap(norm), inputs)
    differ = max(float((ours() / theirs() - 1).abs().max()) for theirs in tried.values())
    assert differ < 1e-5, f"the norms differ by {differ:.1e}"
    ways = {name: partial(timed, call) for name, call in ({OURS: ours} | tried).items()}
    show(f"exact Jacobian norms of {INPUTS:,} inputs of 784-128-64-10, ReLU", interleaved(ways, rounds))
    print(f"The norms agree within {differ:.1e}, relative.")


def estimated_jacobians(rounds: int) -> None:
    """Many outputs, or nothing that can be differentiated."""
    torch.manual_seed(0)
    network, inputs = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 300)), torch.randn(1000, 784)
    ways: dict[str, Callable[[], Estimate]] = {
        "exact": lambda: jacobian_norm_logits(jacobian_gram(network, inputs, batch=50)),
        "hutchinson, 4 probes": lambda: jacobian_norm_hutchinson(network, inputs, torch.Generator().manual_seed(1)),
        "differences, 4 probes": lambda: jacobian_norm_differences(network, inputs, torch.Generator().manual_seed(1)),
    }
    title = f"mean Jacobian norm of {len(inputs):,} inputs of 784-128-300, ReLU"
    show(title, interleaved({name: partial(timed, way) for name, way in ways.items()}, rounds), compared=False)
    print("; ".join(f"{name}: {way().value:.4f} ± {way().standard_error:.4f}" for name, way in ways.items()))


def fresh_processes(rounds: int) -> None:
    subprocess.run([sys.executable, "-c", FRESH], check=True, capture_output=True)  # fills the cache on disk
    found = [json.loads(_printed("-c", FRESH)) for _ in range(rounds)]
    names = ("import simplicity_sweep.functional", "import numba", "lz76", "again", "lz76_batch", "again ")
    title = "a fresh process that has imported torch; the kernels' cache is warm"
    show(title, {name: [times[2 + place] for times in found] for place, name in enumerate(names)}, compared=False)
    came_along = "also" if any(times[0] for times in found) else "not"
    print(f"numba is {came_along} imported by it; kernels compiled anew: {sum(times[1] for times in found)}.")


def without_numba() -> None:
    strings = {f"{name} {n}": string(n) for name, string in STRINGS.items() for n in (1, 100, 3_000)}
    rows = np.stack(
        [random(LENGTH, 2 + seed % 9)[np.random.default_rng(seed).permutation(LENGTH)] for seed in range(9999)]
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "strings.npz"
        np.savez(path, rows=rows, **{str(place): string for place, string in enumerate(strings.values())})
        one, many, counts = json.loads(_printed("-c", WITHOUT_NUMBA, str(path)))
    same = sum(map(int.__eq__, counts, [*map(lz76, strings.values()), *lz76_batch(rows).tolist()]))
    symbols = sum(string.size for string in strings.values())
    assert same == len(counts)
    print(
        f"Without numba: {same:,} of {len(counts):,} counts are the same; lz76 takes {1e9 * one / symbols:.0f} ns per "
        f"symbol, lz76_batch {1e9 * many / rows.size:.0f}."
    )


def _printed(*arguments: str) -> str:
    return subprocess.run([sys.executable, *arguments], check=True, capture_output=True, text=True).stdout


def show(title: str, seconds: Mapping[str, list[float]], compared: bool = True) -> None:
    """A table of medians, their spread, and how many times the first one each takes."""
    first = next(iter(seconds.values()))
    table = Table()
    for column in ("way", "ms", "spread", *([f"÷ {OURS}"] if compared else [])):
        table.add_column(column, justify="left" if column == "way" else "right")
    for way, times in seconds.items():
        median, spread = statistics.median(times), f"{1e3 * min(times):.2f} – {1e3 * max(times):.2f}"
        ratio = [f"{median / statistics.median(first):.1f}"] if compared else []
        table.add_row(way, f"{1e3 * median:.2f}", spread, *ratio)
    _print(f"{title} (median of {len(first)} rounds)", table)


def _print(title: str, table: Table) -> None:
    console = Console(width=118)
    console.print(f"\n{title}", highlight=False)
    console.print(table)


def main(rounds: int) -> None:
    antropy, lzcomplexity = library("antropy"), library("lzcomplexity")
    for string in (random(10**4), biased(10**4, 0.01), np.arange(10**4), np.repeat(np.arange(300), 40)):
        lz76(string)  # compiles
    long_sequences(rounds, antropy, lzcomplexity)
    growth(min(rounds, 3))
    batches(rounds, antropy)
    jacobians(rounds)
    estimated_jacobians(rounds)
    fresh_processes(min(rounds, 3))
    without_numba()
    found = [f"{name} {version(name)}" for name in ("numba", "antropy", "lzcomplexity") if name in sys.modules]
    print(f"{machine()}, {', '.join(found)}, n = {rounds}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
