"""What one run's epoch costs: the engine against a bare torch loop and against Lightning's ordinary ways.

    python bench/training.py [rounds]

All in one process, in interleaved rounds; the network is 784-128-64-10, batch 64, Adam, real MNIST. A time is that of
an epoch's training, validation and measuring excluded; the two slow ways are timed on their first steps and scaled.
"""

from __future__ import annotations

import platform
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities import disable_possible_user_warnings
from rich.console import Console
from rich.table import Table
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

from simplicity_sweep.data import MNIST, Batches
from simplicity_sweep.fused.strategy import FusedStrategy
from simplicity_sweep.module import Classifier
from simplicity_sweep.nn import MLP
from simplicity_sweep.resolvers import project_folder

ROOT = project_folder() / "data"
FEW = 200


def model() -> Classifier:
    torch.manual_seed(0)
    return Classifier(MLP((28, 28), 10, (128, 64), nn.ReLU), partial(torch.optim.Adam, lr=1e-3), 10)


class EpochTimer(pl.Callback):
    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.start = time.perf_counter()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.seconds = time.perf_counter() - self.start


def lightning(loader: object, strategy: object = "auto", steps: int | None = None, epochs: int = 1) -> float:
    timer = EpochTimer()
    trainer = pl.Trainer(
        accelerator="cpu",
        strategy=strategy,
        max_epochs=epochs,
        limit_train_batches=steps,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[timer],
    )
    trainer.fit(model(), loader)
    return timer.seconds * (len(loader) / steps if steps else 1)  # type: ignore[arg-type]


def bare(batches: Batches) -> float:
    network = model()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    start = time.perf_counter()
    for inputs, labels in batches:
        loss = cross_entropy(network(inputs), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return time.perf_counter() - start


def torchvision_loader() -> DataLoader[object]:
    import torchvision
    from torchvision import transforms

    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    data = torchvision.datasets.MNIST(ROOT, train=True, transform=transform)
    part = torch.utils.data.Subset(data, range(55_000))
    return DataLoader(part, batch_size=64, shuffle=True)


def main(rounds: int) -> None:
    disable_possible_user_warnings()
    data = MNIST(root=ROOT, val_size=5000, mean=0.1307, std=0.3081)
    data.prepare_data()
    data.setup("fit")
    batches = Batches(data.train, 64, seed=0)
    pictures = torchvision_loader()
    ways: dict[str, Callable[[], float]] = {
        "Lightning, torchvision DataLoader": lambda: lightning(pictures, steps=FEW),
        "Lightning, data as tensors": lambda: lightning(batches, steps=FEW),
        "bare torch loop": lambda: bare(batches),
        "this project, one run": lambda: lightning(batches, FusedStrategy(torch.device("cpu"))),
    }
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, measure in ways.items():
            seconds[way].append(measure())

    median = {way: statistics.median(times) for way, times in seconds.items()}
    table = Table(title=f"seconds per epoch of {len(data.train):,} examples (median of {rounds} rounds)")
    for column in ("way", "s", "spread", "÷ bare loop"):
        table.add_column(column, justify="left" if column == "way" else "right")
    for way, times in seconds.items():
        spread = f"{min(times):.2f} – {max(times):.2f}"
        table.add_row(way, f"{median[way]:.2f}", spread, f"{median[way] / median['bare torch loop']:.2f}")
    Console().print(table)
    print(
        f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads, "
        f"Python {platform.python_version()}, torch {torch.__version__}, pytorch-lightning {pl.__version__}, "
        f"n = {rounds}"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
