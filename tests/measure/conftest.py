"""The command in this process, data of a user's, and a run that was trained and measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from hydra import compose, initialize_config_dir

from simplicity_sweep.build import answer_of, build_data, build_model, build_plan
from simplicity_sweep.callbacks import CarryConfig, Measure
from simplicity_sweep.fused.strategy import FusedStrategy
from simplicity_sweep.measure.__main__ import main
from simplicity_sweep.measure.configuration import configured
from simplicity_sweep.preflight import resolve
from simplicity_sweep.probe import Plan
from simplicity_sweep.resolvers import register
from tests.conftest import PROJECT

NETWORKS = "tests.measure.networks"
QUICK = ["measure.probe.test.paths=10", "measure.probe.test.points=16"]


@dataclass(frozen=True)
class Done:
    """What a command left: its exit status, what it printed, and what it said."""

    status: Any
    out: str
    err: str


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Networks this small gain nothing from more, which wait for one another where others compute."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def command(capsys) -> Callable[..., Done]:
    """The command, run here; a message given to `sys.exit` counts as said."""

    def run(*arguments: object) -> Done:
        status: Any = 0
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as ended:
            status = ended.code
        out, err = capsys.readouterr()
        return Done(1, out, err + status) if isinstance(status, str) else Done(status, out, err)

    return run


def images(n: int = 60) -> dict[str, np.ndarray]:
    """`n` images within ±3, and classes from 0 to 9."""
    random = np.random.default_rng(0)
    pixels = random.standard_normal((n, 1, 8, 8)).clip(-3, 3).astype(np.float32)
    return {"inputs": pixels, "labels": np.arange(n) % 10}


@pytest.fixture(scope="session")
def plan() -> Plan:
    """What is measured by default, on few paths."""
    return build_plan(configured(QUICK, "", None, None))


@pytest.fixture
def npz(tmp_path) -> Callable[..., Path]:
    """Writes images and labels with other arrays in their place; None leaves one out."""

    def write(n: int = 60, **arrays: np.ndarray | None) -> Path:
        kept = {name: array for name, array in (images(n) | arrays).items() if array is not None}
        np.savez(tmp_path / "my_data.npz", **kept)
        return tmp_path / "my_data.npz"

    return write


@dataclass(frozen=True)
class Trained:
    """A run: where its last checkpoint is, what it logged at the test, and how it was configured."""

    checkpoint: Path
    figures: dict[str, float]
    config: dict[str, Any]


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Trained:
    """An epoch on the digits, with a seed and a noise that are not the defaults."""
    return trained_on(tmp_path_factory.mktemp("trained"), "data=digits")


def trained_on(folder: Path, *overrides: str) -> Trained:
    """A run of one epoch, with a seed and a noise that are not the defaults."""
    register()
    common = ["trainer=cpu", "trainer.max_epochs=1", "seed=3", "measure.probe.test.sigma=0.3", *QUICK]
    with initialize_config_dir(str(PROJECT / "conf"), version_base="1.3"):
        config = resolve(compose("config", [*common, *overrides]))
    data = build_data(config)
    model = build_model(config, data)
    trainer = pl.Trainer(
        **config["trainer"],
        strategy=FusedStrategy(torch.device("cpu")),
        logger=False,
        callbacks=[Measure(build_plan(config, answer_of(config, data))), CarryConfig(config)],
        default_root_dir=folder,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        num_sanity_val_steps=0,
        inference_mode=False,
    )
    trainer.fit(model, data)
    trainer.save_checkpoint(folder / "last.ckpt")
    trainer.test(model, data, verbose=False)
    figures = {name: float(value) for name, value in trainer.callback_metrics.items()}
    return Trained(folder / "last.ckpt", figures, config)
