"""What a whole sweep costs, measuring and MLflow included: trained as one against one by one.

    python bench/sweep.py [epochs=10] [seeds=5] [trainer=cpu]

`experiment=guan2024`, 7 settings × so many seeds on MNIST, by the real command, timed from start to end without its
report; and the same runs one by one in Lightning's ordinary loop, of which one run of the base setting and then four
are timed: the difference is what three runs cost.
"""

from __future__ import annotations

import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

PROJECT = Path(__file__).resolve().parents[1]
SETTINGS = 7
STEPS_AN_EPOCH = 860
FEW = 3


def seconds(folder: Path, *arguments: str) -> float:
    command = [sys.executable, str(PROJECT / "train.py"), "-m"]
    where = [f"tracking.uri=sqlite:///{folder}/mlflow.db", f"hydra.sweep.dir={folder}/{time.time_ns()}", "report=false"]
    start = time.perf_counter()
    subprocess.run([*command, *where, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main(epochs: int, seeds: int, trainer: str) -> None:
    runs = SETTINGS * seeds
    length = [f"trainer={trainer}", f"trainer.max_epochs={epochs}"]
    # Lightning counts steps itself only in its ordinary loop, which is therefore what a limit on steps asks for.
    ordinary = ["hydra/launcher=basic", f"+trainer.max_steps={epochs * STEPS_AN_EPOCH}", *length]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seconds(folder, "data=digits", "trainer=debug", "measure=none")  # the store's tables, compiled kernels
        together = seconds(folder, "experiment=guan2024", f"seed=range({seeds})", *length)
        one = seconds(folder, "seed=0", *ordinary)
        several = seconds(folder, f"seed=range({FEW + 1})", *ordinary)
    each = (several - one) / FEW
    print(f"{runs} runs × {epochs} epochs, measuring and MLflow included")
    print(f"  as one:                                 {together:8.1f} s")
    print(f"  one by one, Lightning's ordinary loop:  {runs * each:8.1f} s ({each:.1f} s a run, timed on {FEW} runs)")
    print(f"  ratio:                                  {runs * each / together:8.1f}")
    print(
        f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads, "
        f"Python {platform.python_version()}, torch {torch.__version__}, n = 1"
    )


if __name__ == "__main__":
    epochs, seeds, trainer = [*sys.argv[1:], *["10", "5", "cpu"][len(sys.argv) - 1 :]]
    main(int(epochs), int(seeds), trainer)
