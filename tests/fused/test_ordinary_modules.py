"""Any LightningModule gets the fit that Lightning alone would have given it, by itself and beside others."""

from __future__ import annotations

import random
from collections import deque
from functools import partial
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import GradientAccumulationScheduler, ModelPruning
from torch import nn
from torch.nn.functional import cross_entropy
from torchmetrics.classification import MulticlassAccuracy

from simplicity_sweep.data import Batches
from simplicity_sweep.fused.ambient import process_ambients
from simplicity_sweep.fused.engine import Engine, Steps
from simplicity_sweep.fused.rendezvous import Meeting
from simplicity_sweep.module import Classifier
from tests.fused.networks import one_thread
from tests.fused.test_strategy import BATCH, VALIDATION, assert_equal, data, fused, trainer

pytestmark = pytest.mark.filterwarnings("ignore:`training_step` returned `None`")  # Lightning says so of a skipped step


@pytest.fixture(autouse=True)
def on_one_thread():
    with one_thread():
        yield


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(12, 10), nn.BatchNorm1d(10), nn.Tanh(), nn.Dropout(0.0), nn.Linear(10, 3))


class Own(Classifier):
    def loss(self, batch):
        return cross_entropy(self(batch[0]), batch[1])

    def penalty(self):
        return sum((p**2).sum() for p in self.parameters())


class Anneals(Own):
    beta = 0.0

    def on_train_epoch_start(self):
        self.beta = 0.5 * self.current_epoch

    def training_step(self, batch, batch_idx):
        return self.loss(batch) + self.beta * self.penalty()


class AnnealsItsClass(Own):
    beta: ClassVar[float] = 0.0

    def on_train_epoch_start(self):
        type(self).beta = 0.5 * self.current_epoch

    def training_step(self, batch, batch_idx):
        return self.loss(batch) + self.beta * self.penalty()


class AnnealsWithin(Own):
    def on_fit_start(self):
        self.schedule = SimpleNamespace(beta=0.0)

    def on_train_epoch_start(self):
        self.schedule.beta = 0.5 * self.current_epoch

    def training_step(self, batch, batch_idx):
        return self.loss(batch) + self.schedule.beta * self.penalty()


class ChangesDropout(Classifier):
    def on_train_epoch_start(self):
        self.network[3].p = 0.2 * self.current_epoch


class Freezes(Classifier):
    def on_train_epoch_start(self):
        self.network[0].requires_grad_(self.current_epoch != 1)


class FreezesForGood(Classifier):
    def on_train_epoch_start(self):
        self.network[0].requires_grad_(self.current_epoch < 1)


class FixesStatistics(Classifier):
    def on_train_epoch_start(self):
        self.network[1].train(self.current_epoch < 1)


class NewBuffer(Classifier):
    def on_train_epoch_start(self):
        if self.current_epoch == 1:
            self.network[1].running_mean = torch.ones(10)


class Counts(Own):
    def on_fit_start(self):
        self.state = {"n": 0}

    def training_step(self, batch, batch_idx):
        self.state["n"] += 1
        return self.loss(batch) * min(1.0, self.state["n"] / 20)


class Collects(Own):
    def on_fit_start(self):
        self.seen = deque(maxlen=50)

    def training_step(self, batch, batch_idx):
        loss = self.loss(batch)
        self.seen.append(loss.detach())
        return loss

    def on_train_epoch_end(self):
        self.log("mine", torch.stack(list(self.seen)).mean())


class DrawsByNumpy(Own):
    def training_step(self, batch, batch_idx):
        return self.loss((batch[0] * (1 + 0.01 * np.random.rand()), batch[1]))


class DrawsByPython(Own):
    def training_step(self, batch, batch_idx):
        return self.loss((batch[0] * random.uniform(0.999, 1.001), batch[1]))


class DrawsByItsOwn(Own):
    def on_fit_start(self):
        self.draw = np.random.default_rng(3)

    def training_step(self, batch, batch_idx):
        return self.loss((batch[0] * (1 + 0.01 * self.draw.random()), batch[1]))


class LogsSometimes(Own):
    def training_step(self, batch, batch_idx):
        loss = self.loss(batch)
        if batch_idx % 2 == 0:
            self.log("some", loss, on_step=True)
        return loss


class LogsAMetric(Own):
    def __init__(self, *args):
        super().__init__(*args)
        self.hits = MulticlassAccuracy(3, average="micro")

    def training_step(self, batch, batch_idx):
        self.hits(self(batch[0]), batch[1])
        self.log("hits", self.hits, on_step=False, on_epoch=True)
        return self.loss(batch)


class UpdatesAMetric(LogsAMetric):
    def training_step(self, batch, batch_idx):
        self.hits.update(self(batch[0]), batch[1])
        return self.loss(batch)

    def on_train_epoch_end(self):
        self.log("hits", self.hits.compute())


class Skips(Own):
    def training_step(self, batch, batch_idx):
        return None if batch_idx == 3 else self.loss(batch)


class TakesNoIndex(Own):
    def training_step(self, batch):
        return self.loss(batch)


class Plateau(Classifier):
    def configure_optimizers(self):
        optimizer = super().configure_optimizers()
        schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, factor=0.1, mode="max")
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "monitor": "train/loss"}}


class Estimates(Classifier):
    def configure_optimizers(self):
        optimizer = super().configure_optimizers()
        self.steps = self.trainer.estimated_stepping_batches
        return [optimizer], [torch.optim.lr_scheduler.ExponentialLR(optimizer, self.steps / 100)]


class LogsEveryWay(Own):
    def training_step(self, batch, batch_idx):
        loss = self.loss(batch)
        self.log("step", loss)
        self.log("both", loss, on_step=True, on_epoch=True)
        self.log("highest", loss, on_step=False, on_epoch=True, reduce_fx="max")
        self.log("mean", loss, True, on_step=False, on_epoch=True)
        return loss


class LogsUnweighted(Own):
    def training_step(self, batch, batch_idx):
        loss = self.loss(batch)
        self.log("mean", loss, on_step=False, on_epoch=True, batch_size=1)
        return loss


Fit = tuple[Classifier, pl.Trainer]


def fit(kind: type[Classifier], strategy: object, seed: int = 0, **settings: Any) -> Fit:
    """A fit; settings that can be called are made anew."""
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)
    made = {name: value() if callable(value) else value for name, value in settings.items()}
    optimizer = made.pop("optimizer", partial(torch.optim.Adam, lr=0.01, fused=True))
    run, ours = kind(network(), optimizer, 3), trainer(strategy, **made)
    ours.fit(run, Batches(data(), BATCH, seed=seed), VALIDATION)
    return run, ours


def assert_same_fit(ours: Fit, theirs: Fit) -> None:
    assert_equal(ours[0], theirs[0])
    assert ours[1].global_step == theirs[1].global_step
    assert ours[1].fit_loop.epoch_loop.batch_progress == theirs[1].fit_loop.epoch_loop.batch_progress
    assert ours[1].callback_metrics.keys() == theirs[1].callback_metrics.keys()
    for name, value in theirs[1].callback_metrics.items():
        assert float(ours[1].callback_metrics[name]) == pytest.approx(float(value), rel=1e-6), name


def pruning() -> list[pl.Callback]:
    return [ModelPruning("l1_unstructured", amount=0.5, use_lottery_ticket_hypothesis=False)]


@pytest.mark.parametrize(
    ("kind", "settings", "reason"),
    [
        (Anneals, {}, None),
        (AnnealsItsClass, {}, None),
        (AnnealsWithin, {}, None),
        (ChangesDropout, {}, None),
        (FixesStatistics, {}, None),
        (NewBuffer, {}, None),
        (TakesNoIndex, {}, None),
        (Plateau, {}, None),
        (Estimates, {}, None),
        (LogsEveryWay, {}, None),
        (Classifier, {"reload_dataloaders_every_n_epochs": 1}, None),
        (LogsUnweighted, {}, "logs `mean` with another batch_size"),
        (Freezes, {}, "has made more steps with some parameters than with others"),
        (FreezesForGood, {}, "the parameter network.0.weight is frozen"),
        (Counts, {}, "changes the attribute state"),
        (Collects, {}, "the tensor in seen is neither a parameter nor a buffer"),
        (DrawsByNumpy, {}, "draws from NumPy's random generator"),
        (DrawsByPython, {}, "draws from Python's random generator"),
        (DrawsByItsOwn, {}, "changes the attribute draw"),
        (LogsSometimes, {}, "uses batch_idx"),
        (LogsAMetric, {}, "logs `hits` as a MulticlassAccuracy"),
        (UpdatesAMetric, {}, "changes the attribute hits."),
        (Skips, {}, "uses batch_idx"),
        (Classifier, {"callbacks": pruning}, "has a forward or backward hook"),
        (Classifier, {"callbacks": lambda: [GradientAccumulationScheduler({1: 4})]}, "accumulate_grad_batches is set"),
        (Classifier, {"limit_train_batches": 1}, "trainer.limit_train_batches is set"),
        (Classifier, {"val_check_interval": 1}, "trainer.val_check_interval is set"),
        (Classifier, {"precision": "64-true"}, "trainer.precision is set"),
        (Classifier, {"precision": "bf16-true"}, "trainer.precision is set"),
        (Classifier, {"optimizer": lambda: partial(torch.optim.LBFGS, lr=0.1, max_iter=2)}, "the optimiser is LBFGS"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
def test_a_fit_is_lightnings_own(kind, settings, reason):
    AnnealsItsClass.beta = 0.0
    plain = fit(kind, "auto", **settings)
    AnnealsItsClass.beta = 0.0
    alone = fit(kind, fused(), **settings)
    assert_same_fit(alone, plain)
    assert (reason in alone[1].strategy.reason) if reason else alone[1].strategy.reason is None


@pytest.mark.parametrize("kind", [Anneals, FixesStatistics, Freezes, DrawsByNumpy, LogsEveryWay])
def test_a_fit_beside_others_is_lightnings_own(kind):
    together = Meeting({Steps: Engine()}, process_ambients()).run(
        [lambda seed=seed: fit(kind, fused(), seed, epochs=3 - seed) for seed in range(2)]
    )
    for seed, ours in enumerate(together):
        assert_same_fit(ours, fit(kind, "auto", seed, epochs=3 - seed))


class Settings(Own):
    """Reads what a signature leaves out, as an attribute or among its hyper-parameters."""

    def __init__(self, *args):
        super().__init__(*args)
        self.lr = self.optimizer.keywords["lr"]
        self.save_hyperparameters({"lr": self.lr, "weight_decay": self.lr / 100, "smoothing": 0.0})


class LogsItsRate(Settings):
    def training_step(self, batch, batch_idx):
        self.log("rate", self.lr, on_step=False, on_epoch=True)
        return self.loss(batch)


class DecaysItself(Settings):
    def training_step(self, batch, batch_idx):
        return self.loss(batch) + self.hparams.weight_decay * self.penalty()


class DecaysByTheFirst(Settings):
    def training_step(self, batch, batch_idx):
        return self.loss(batch) + self.hparams_initial["weight_decay"] * self.penalty()


class DecaysByItsFactory(Settings):
    def training_step(self, batch, batch_idx):
        return self.loss(batch) + self.optimizer.keywords["lr"] / 100 * self.penalty()


class Refuses(Settings):
    def training_step(self, batch, batch_idx):
        if self.lr > 1:
            raise ValueError("too fast")
        return self.loss(batch)


def by_rate(kind: type[Classifier], strategy: object, lr: float) -> Fit:
    return fit(kind, strategy, optimizer=lambda: partial(torch.optim.Adam, lr=lr, fused=True))


@pytest.mark.parametrize("kind", [LogsItsRate, DecaysItself, DecaysByTheFirst, DecaysByItsFactory])
def test_a_step_that_reads_a_setting_reads_its_own(kind):
    rates = (0.01, 0.011)
    together = Meeting({Steps: Engine()}, process_ambients()).run(
        [lambda lr=lr: by_rate(kind, fused(), lr) for lr in rates]
    )
    for lr, ours in zip(rates, together, strict=True):
        assert ours[1].strategy.reason is None
        assert_same_fit(ours, by_rate(kind, "auto", lr))


def test_a_step_that_refuses_its_setting_fails_its_own_run_only():
    good, bad, other = Meeting({Steps: Engine()}, process_ambients()).run(
        [lambda lr=lr: by_rate(Refuses, fused(), lr) for lr in (0.01, 5.0, 0.02)]
    )
    assert isinstance(bad, ValueError)
    assert str(bad) == "too fast"
    assert_same_fit(good, by_rate(Refuses, "auto", 0.01))
    assert_same_fit(other, by_rate(Refuses, "auto", 0.02))
