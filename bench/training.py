"""What a run's epoch costs: this project against a bare torch loop, Lightning's ordinary ways, two processes, and JAX.

    python bench/training.py [rounds]

All in one process and in interleaved rounds; 784-128-64-10, batch 64, Adam, pictures of MNIST's size. A time is that of
training alone, validation and measuring excluded. Lightning's ways are timed on their first steps and scaled.
"""

from __future__ import annotations

import logging
import sys
import time
import warnings
from functools import partial

import pytorch_lightning as pl
import torch
from torch import nn
from torch.utils.data import DataLoader
from ways import EXAMPLES, TwoProcesses, Way, bare, data, engine, interleaved, jax, machine, perceptron, products, show

from simplicity_sweep.data import MNIST, Batches, Split
from simplicity_sweep.fused.strategy import FusedStrategy
from simplicity_sweep.module import Classifier
from simplicity_sweep.nn import MLP
from simplicity_sweep.resolvers import project_folder

BATCH, FEW, MANY = 64, 200, 16
NETWORK = partial(perceptron, 128, 64)


class EpochTimer(pl.Callback):
    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.start = time.perf_counter()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.seconds = time.perf_counter() - self.start


def lightning(loader: object, strategy: object = "auto", steps: int | None = None) -> float:
    timer = EpochTimer()
    trainer = pl.Trainer(
        accelerator="cpu",
        strategy=strategy,
        max_epochs=1,
        limit_train_batches=steps,
        limit_val_batches=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[timer],
    )
    model = Classifier(MLP((28, 28), 10, (128, 64), nn.ReLU), partial(torch.optim.Adam, lr=1e-3), 10)
    trainer.fit(model, loader)
    return timer.seconds * (len(loader) / steps if steps else 1)  # type: ignore[arg-type]


def torchvision_loader() -> DataLoader[object]:
    import torchvision
    from torchvision import transforms

    root = project_folder() / "data"
    MNIST(root=root, val_size=5000, mean=0.1307, std=0.3081).prepare_data()
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    pictures = torchvision.datasets.MNIST(root, train=True, transform=transform)
    return DataLoader(torch.utils.data.Subset(pictures, range(EXAMPLES)), batch_size=BATCH, shuffle=True)


def main(rounds: int) -> None:
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    warnings.simplefilter("ignore")
    threads = torch.get_num_threads()
    inputs, labels = data()
    batches = Batches(Split(inputs.view(-1, 28, 28), labels), BATCH, seed=0)
    pictures = torchvision_loader()
    two_processes = TwoProcesses(BATCH)
    many = f"this project, {MANY} runs"
    ways: dict[str, Way] = {
        "Lightning, torchvision DataLoader": lambda: lightning(pictures, steps=FEW),
        "Lightning, data as tensors": lambda: lightning(batches, steps=FEW),
        f"bare torch loop, {threads} threads": bare(NETWORK, BATCH, threads),
        "bare torch loop, two processes": two_processes,
        "this project, 1 run, through Lightning": lambda: lightning(batches, FusedStrategy(torch.device("cpu"))),
        many: engine(NETWORK, BATCH, MANY),
    }
    if (other := jax(BATCH, MANY)) is not None:
        ways[f"JAX vmap + scan + jit, {MANY} runs"] = other
    ways["floor: the machine's matrix products"] = products((784, 128, 64, 10), BATCH)
    show("784-128-64-10, batch 64, Adam", interleaved(ways, rounds), many)
    two_processes.close()
    if other is None:
        print("The row of JAX is left out: it is not installed (pip install jax).")
    print(f"{machine()}, pytorch-lightning {pl.__version__}, n = {rounds}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
