"""How many runs a search needs to find what a whole grid finds, and random search.

    python bench/search.py [seeds=20] [epochs=5] [FILE]

A grid of activation × depth × learning rate on `digits` is run once by the real command, and kept in FILE if one is
given; with a FILE that is there nothing is trained. It is then the table in which searches look up their results:
`search.study.Study`, as under `hydra/sweeper=optuna`, asks for batches of 4 until the hypervolume of what it has tried
(accuracy up, flip rate down, on the validation set; the reference is the grid's worst in each, dead networks left out)
is within 1 % of the grid's, and then until it is the grid's. A setting that was tried before costs no run, so that
random search draws without replacement in effect; what has not come so far after 200 trials counts as the whole grid.
p is that of a Mann-Whitney test against random search, of one comparison: there are six.
"""

from __future__ import annotations

import csv
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import optuna
from optuna.distributions import CategoricalDistribution, IntDistribution
from scipy.stats import mannwhitneyu

from simplicity_sweep.report.search.hypervolume import hypervolume
from simplicity_sweep.search.goals import Goals
from simplicity_sweep.search.sampler import Sampler
from simplicity_sweep.search.space import Space
from simplicity_sweep.search.study import Study
from simplicity_sweep.store import Store

PROJECT = Path(__file__).resolve().parents[1]
ACTIVATIONS = ["relu", "tanh", "sigmoid", "silu"]
DEPTHS = ["linear", "shallow", "medium", "deep"]
RATES = ["0.0001", "0.0003", "0.001", "0.003", "0.01", "0.03", "0.1", "0.3"]
SPACE = Space(
    {"activation": None, "depth": None, "optim.lr": None},
    {
        "activation": CategoricalDistribution(ACTIVATIONS),
        "depth": IntDistribution(0, len(DEPTHS) - 1),
        "optim.lr": IntDistribution(0, len(RATES) - 1),
    },
    [[]],
)
GOALS = Goals({"val/accuracy": "maximize", "val/flip_rate": "minimize"})
SAMPLERS = {
    "random": {"_target_": "optuna.samplers.RandomSampler"},
    "tpe": {"_target_": "optuna.samplers.TPESampler", "n_startup_trials": 10},
    "nsgaii": {"_target_": "optuna.samplers.NSGAIISampler", "population_size": 10},
    "gp": {"_target_": "optuna.samplers.GPSampler"},
}
MOST = 200  # trials, repeated settings among them
AT_ONCE = 4
TARGETS = {"99 %": 0.99, "100 %": 1 - 1e-9}  # of the grid's hypervolume, up to rounding
FIGURES = ("val/accuracy", "val/flip_rate", "val/degenerate")
MEASURED = ["measure=none", "+measurement@measure.measurements=[flip_rate,degenerate]"]
Table = dict[tuple[str, int, int], dict[str, float]]


def grid(folder: Path, epochs: int) -> Table:
    uri = f"sqlite:///{folder}/mlflow.db"
    subprocess.run(
        [
            *(sys.executable, str(PROJECT / "train.py"), "-m", "data=digits", "trainer=cpu", "report=false"),
            *(*MEASURED, "data.val_size=400"),
            *(f"trainer.max_epochs={epochs}", f"tracking.uri={uri}", f"hydra.sweep.dir={folder}/grid"),
            *(f"activation={','.join(ACTIVATIONS)}", f"depth={','.join(DEPTHS)}", f"optim.lr={','.join(RATES)}"),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    runs = Store.open(uri, "simplicity-sweep").search("tags.role = 'job'")
    return {
        (
            run.data.params["activation"],
            DEPTHS.index(run.data.params["depth"]),
            RATES.index(run.data.tags["overrides"].rpartition("optim.lr=")[2].split()[0]),
        ): {name: run.data.metrics[name] for name in FIGURES}
        for run in runs
    }


def read(path: Path) -> Table:
    with path.open(newline="") as file:
        return {
            (row["activation"], DEPTHS.index(row["depth"]), RATES.index(row["optim.lr"])): {
                name: float(row[name]) for name in FIGURES
            }
            for row in csv.DictReader(file)
        }


def write(table: Table, path: Path) -> None:
    with path.open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["activation", "depth", "optim.lr", *FIGURES])
        rows.writerows(
            [activation, DEPTHS[depth], RATES[rate], *(figures[name] for name in FIGURES)]
            for (activation, depth, rate), figures in sorted(table.items())
        )


def losses(metrics: dict[str, float]) -> list[float]:
    return [-metrics["val/accuracy"], metrics["val/flip_rate"]]


def runs_needed(table: Table, config: dict[str, object], seed: int) -> list[int]:
    """By target, how many runs a search had made when it reached it."""
    living = [losses(metrics) for metrics in table.values() if not metrics["val/degenerate"]]
    worst = [max(of) for of in zip(*living, strict=True)]
    whole = hypervolume(living, worst)
    study = Study.opened(None, None, "bench", SPACE, GOALS, Sampler({**config, "seed": seed}))
    study.prepare()
    found: list[list[float]] = []
    runs = 0
    needed: list[int] = []
    while len(needed) < len(TARGETS) and (batch := study.batch(AT_ONCE, MOST)):
        for trial in batch:
            metrics = table[tuple(trial.params.values())]
            if trial.same_as is not None:
                study.repeat(trial)
                continue
            runs += 1
            study.result(trial, metrics)
            if not metrics["val/degenerate"]:
                found.append(losses(metrics))
        reached = hypervolume(found, worst) / whole
        needed += [runs for target in list(TARGETS.values())[len(needed) :] if reached >= target]
    return needed + [len(table)] * (len(TARGETS) - len(needed))


def tabulated(epochs: int, kept: Path | None) -> Table:
    if kept is not None and kept.is_file():
        return read(kept)
    with tempfile.TemporaryDirectory() as name:
        table = grid(Path(name), epochs)
    if kept is not None:
        write(table, kept)
    return table


def main(seeds: int, epochs: int, kept: Path | None) -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    table = tabulated(epochs, kept)
    living = sum(not metrics["val/degenerate"] for metrics in table.values())
    print(f"grid: {len(table)} runs of {epochs} epochs on digits, {living} of them alive; batches of {AT_ONCE}")
    print(f"{'sampler':10}{'target':>8}{'n':>4}{'median':>8}{'quartiles':>12}{'range':>10}{'whole grid':>12}{'p':>10}")
    by_chance: list[tuple[int, ...]] = []
    for sampler, config in SAMPLERS.items():
        start = time.perf_counter()
        needed = [runs_needed(table, config, seed) for seed in range(seeds)]
        seconds = (time.perf_counter() - start) / seeds
        counts = list(zip(*needed, strict=True))
        by_chance = by_chance or counts  # random search is the first
        for target, of, chance in zip(TARGETS, counts, by_chance, strict=True):
            low, middle, high = statistics.quantiles(of, n=4, method="inclusive") if seeds > 1 else of * 3
            shown = f"{low:.0f}–{high:.0f}", f"{min(of)}–{max(of)}"
            whole = of.count(len(table))
            p = "" if by_chance is counts else f"{mannwhitneyu(of, chance).pvalue:.2g}"
            print(f"{sampler:10}{target:>8}{seeds:>4}{middle:>8.0f}{shown[0]:>12}{shown[1]:>10}{whole:>12}{p:>10}")
        print(f"{'':10}{seconds:.1f} s a search", flush=True)
    print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"optuna {optuna.__version__}"
    )


if __name__ == "__main__":
    given = dict(zip(("seeds", "epochs", "table"), sys.argv[1:], strict=False))
    main(int(given.get("seeds", 20)), int(given.get("epochs", 5)), Path(given["table"]) if "table" in given else None)
