"""A fit that the engine drives is the fit that Lightning would have made."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint
from pytorch_lightning.loggers.logger import DummyLogger
from torch import nn

from simplicity_sweep.data import Batches, FixedBatches, Split
from simplicity_sweep.fused.ambient import process_ambients
from simplicity_sweep.fused.engine import Engine, Steps
from simplicity_sweep.fused.rendezvous import Meeting
from simplicity_sweep.fused.strategy import FusedStrategy
from simplicity_sweep.module import Classifier
from simplicity_sweep.nn import MLP
from tests.fused.networks import one_thread

N, BATCH = 230, 16  # 15 batches, the last one of 6


@pytest.fixture(autouse=True)
def on_one_thread():
    with one_thread():
        yield


def data(seed: int = 0) -> Split:
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(N, 12, generator=generator)
    return Split(inputs, (inputs @ torch.randn(12, 3, generator=generator)).argmax(1))


VALIDATION = FixedBatches(data(seed=1))


def model(seed: int = 0, lr: float = 0.01, dropout: float = 0.3, kind: type[Classifier] = Classifier) -> Classifier:
    torch.manual_seed(seed)
    network = nn.Sequential(MLP((12,), 9, (10,), nn.Tanh), nn.Dropout(dropout), nn.ReLU(), nn.Linear(9, 3))
    return kind(network, partial(torch.optim.Adam, lr=lr, fused=True), 3)


def trainer(strategy: object = "auto", epochs: int = 3, **settings: object) -> pl.Trainer:
    quiet = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "num_sanity_val_steps": 0,
        "log_every_n_steps": 1,
    }
    return pl.Trainer(accelerator="cpu", strategy=strategy, max_epochs=epochs, **{**quiet, **settings})


def fused() -> FusedStrategy:
    return FusedStrategy(torch.device("cpu"))


def assert_equal(one: nn.Module, other: nn.Module) -> None:
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


def test_a_fit_equals_lightnings_own_to_the_bit():
    batches = Batches(data(), BATCH, seed=5)
    ours, theirs = trainer(fused()), trainer()
    driven, plain = model(), model()
    torch.manual_seed(1)
    ours.fit(driven, batches, VALIDATION)
    torch.manual_seed(1)
    theirs.fit(plain, batches, VALIDATION)
    assert ours.strategy.reason is None
    assert_equal(driven, plain)
    assert ours.callback_metrics["train/loss"] == pytest.approx(float(theirs.callback_metrics["train/loss"]), rel=1e-6)


def test_runs_that_meet_get_what_each_gets_alone():
    def fit(k: int) -> Classifier:
        run = model(seed=k, lr=0.003 * (k + 1))
        trainer(fused(), epochs=2 + k % 2).fit(run, Batches(data(), BATCH, seed=k), VALIDATION)
        return run

    together = Meeting({Steps: Engine()}, process_ambients()).run([lambda k=k: fit(k) for k in range(5)])
    for k, run in enumerate(together):
        assert isinstance(run, Classifier), run
        assert_equal(run, fit(k))


def test_a_run_that_diverges_leaves_its_neighbours_as_they_would_be():
    def fit(lr: float) -> Classifier:
        run = model(lr=lr)
        trainer(fused()).fit(run, Batches(data(), BATCH, seed=0), VALIDATION)
        return run

    rates = [0.01, 1e6, 0.02, float("inf")]
    together = Meeting({Steps: Engine()}, process_ambients()).run([lambda lr=lr: fit(lr) for lr in rates])
    assert_equal(together[0], fit(0.01))
    assert_equal(together[2], fit(0.02))


def test_steps_are_counted_and_the_optimiser_is_up_to_date():
    ours, run = trainer(fused(), epochs=2), model()
    steps = []

    class Look(pl.Callback):
        def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
            state = trainer.optimizers[0].state
            steps.extend([trainer.global_step, *{int(entry["step"]) for entry in state.values()}])

    ours.callbacks.append(Look())
    ours.fit(run, Batches(data(), BATCH, seed=0), VALIDATION)
    assert steps == [30, 30]


def test_the_module_is_given_back_as_it_was():
    run = model()
    trainer(fused()).fit(run, Batches(data(), BATCH, seed=0), VALIDATION)
    assert run.automatic_optimization
    trainer().fit(run, Batches(data(), BATCH, seed=0), VALIDATION)


def test_a_fit_resumed_from_a_checkpoint_equals_one_without_a_break(tmp_path):
    batches = Batches(data(), BATCH, seed=0)
    whole = model(dropout=0.0)
    trainer(fused(), epochs=4).fit(whole, batches, VALIDATION)
    half = trainer(fused(), epochs=2)
    half.fit(model(dropout=0.0), batches, VALIDATION)
    half.save_checkpoint(tmp_path / "half.ckpt")
    resumed = model(seed=9, dropout=0.0)
    trainer(fused(), epochs=4).fit(resumed, batches, VALIDATION, ckpt_path=tmp_path / "half.ckpt", weights_only=True)
    assert_equal(whole, resumed)


def test_global_step_is_right_after_a_fit_and_in_its_checkpoint(tmp_path):
    ours = trainer(fused(), epochs=2)
    ours.fit(model(), Batches(data(), BATCH, seed=0), VALIDATION)
    ours.save_checkpoint(tmp_path / "end.ckpt")
    assert ours.global_step == 30
    assert torch.load(tmp_path / "end.ckpt", weights_only=True)["global_step"] == 30


@pytest.mark.parametrize("first", [fused, lambda: "auto"])
@pytest.mark.parametrize("then", [fused, lambda: "auto"])
def test_a_fit_is_resumed_by_either_loop(tmp_path, first, then):
    half = trainer(first(), epochs=2)
    half.fit(model(dropout=0.0), Batches(data(), BATCH, seed=0), VALIDATION)
    half.save_checkpoint(tmp_path / "half.ckpt")
    whole, rest = model(dropout=0.0), trainer(then(), epochs=3)
    trainer(epochs=3).fit(whole, Batches(data(), BATCH, seed=0), VALIDATION)
    resumed = model(seed=9, dropout=0.0)
    file = tmp_path / "half.ckpt"
    rest.fit(resumed, Batches(data(), BATCH, seed=0), VALIDATION, ckpt_path=file, weights_only=True)
    assert rest.global_step == 45
    assert_equal(whole, resumed)


@pytest.mark.filterwarnings("ignore:Be aware that when using `ckpt_path`")  # the keeper has done what it was for
def test_a_fit_that_was_broken_off_within_an_epoch_goes_on_with_the_next_batch(tmp_path):
    keeper = ModelCheckpoint(tmp_path, filename="{step}", every_n_train_steps=20, save_top_k=-1)
    whole = model(dropout=0.0)
    broken = trainer(enable_checkpointing=True, callbacks=[keeper])
    broken.fit(whole, Batches(data(), BATCH, seed=0), VALIDATION)
    file = tmp_path / "step=20.ckpt"  # five batches into the second epoch
    resumed, rest = model(seed=9, dropout=0.0), trainer(fused())
    rest.fit(resumed, Batches(data(), BATCH, seed=0), VALIDATION, ckpt_path=file, weights_only=True)
    assert rest.global_step == 45
    assert rest.strategy.reason == "the epoch was begun before"
    assert_equal(whole, resumed)


def test_a_second_fit_of_a_module_uses_its_own_optimiser():
    def fit_twice(strategy: Callable[[], object]) -> Classifier:
        run = model(dropout=0.0)
        trainer(strategy(), epochs=1).fit(run, Batches(data(), BATCH, seed=0), VALIDATION)
        run.optimizer = partial(torch.optim.Adam, lr=1e-5, fused=True)
        trainer(strategy(), epochs=1).fit(run, Batches(data(), BATCH, seed=0), VALIDATION)
        return run

    for run in Meeting({Steps: Engine()}, process_ambients()).run([lambda: fit_twice(fused)] * 2):
        assert_equal(run, fit_twice(lambda: "auto"))


class LogsEachStep(Classifier):
    def training_step(self, batch, batch_idx):
        loss = super().training_step(batch, batch_idx)
        self.log("loss", loss)
        return loss


class Points(DummyLogger):
    def __init__(self) -> None:
        super().__init__()
        self.points: list[tuple[int, dict[str, float]]] = []

    def log_metrics(self, metrics: dict[str, float], step: int) -> None:
        self.points.append((step, dict(metrics)))


@pytest.mark.parametrize("every", [1, 4])
def test_what_a_step_logs_reaches_the_logger_at_that_step(every):
    def points(strategy: object) -> list[tuple[int, dict[str, float]]]:
        logger = Points()
        ours = trainer(strategy, epochs=2, logger=logger, log_every_n_steps=every)
        ours.fit(model(kind=LogsEachStep, dropout=0.0), Batches(data(), BATCH, seed=0), VALIDATION)
        return logger.points

    expected = points("auto")
    [together, _] = Meeting({Steps: Engine()}, process_ambients()).run([lambda: points(fused())] * 2)
    for logged in (points(fused()), together):
        assert [step for step, _ in logged] == [step for step, _ in expected]
        for (_, ours), (_, theirs) in zip(logged, expected, strict=True):
            assert ours == pytest.approx(theirs, rel=1e-6)


def test_another_kind_of_loader_gets_lightnings_own_loop():
    ours = trainer(fused(), epochs=1)
    ours.fit(model(), FixedBatches(data(), BATCH), VALIDATION)
    assert ours.strategy.reason == "the training loader is not one of Batches"


class Scheduled(Classifier):
    def configure_optimizers(self):
        optimizer = super().configure_optimizers()
        return [optimizer], [torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)]


def test_a_learning_rate_schedule_by_epochs_is_followed():
    batches = Batches(data(), BATCH, seed=0)
    driven, plain = model(kind=Scheduled, dropout=0.0), model(kind=Scheduled, dropout=0.0)
    trainer(fused()).fit(driven, batches, VALIDATION)
    trainer().fit(plain, batches, VALIDATION)
    assert_equal(driven, plain)


def test_stopping_early_ends_a_run_where_lightning_would():
    batches = Batches(data(), BATCH, seed=0)
    for strategy in (fused(), "auto"):
        stop = EarlyStopping("train/loss", mode="max", patience=1, check_on_train_epoch_end=True)
        ours = trainer(strategy, epochs=9, callbacks=[stop])
        ours.fit(model(dropout=0.0), batches, VALIDATION)
        assert ours.current_epoch == 2


class SeesEveryStep(pl.Callback):
    def on_train_batch_end(self, *_: object) -> None:
        pass


class Clips(Classifier):
    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        nn.utils.clip_grad_norm_(self.parameters(), 1.0)


@pytest.mark.parametrize(
    ("kind", "settings", "reason"),
    [
        (Classifier, {"callbacks": [SeesEveryStep()]}, "SeesEveryStep overrides on_train_batch_end"),
        (Clips, {}, "Clips overrides on_before_optimizer_step"),
        (Classifier, {"gradient_clip_val": 1.0}, "trainer.gradient_clip_val is set"),
        (Classifier, {"accumulate_grad_batches": 2}, "trainer.accumulate_grad_batches is set"),
        (Classifier, {"limit_train_batches": 4}, "trainer.limit_train_batches is set"),
        (Classifier, {"max_steps": 7}, "trainer.max_steps is set"),
    ],
)
def test_what_needs_every_step_gets_lightnings_own_loop(kind, settings, reason):
    batches = Batches(data(), BATCH, seed=0)
    ours = trainer(fused(), **settings)
    driven, plain = model(kind=kind, dropout=0.0), model(kind=kind, dropout=0.0)
    ours.fit(driven, batches, VALIDATION)
    assert ours.strategy.reason == reason
    trainer(**settings).fit(plain, batches, VALIDATION)
    assert_equal(driven, plain)


def test_a_step_that_fails_fails_its_own_run_only():
    class Fails(Classifier):
        def training_step(self, batch, batch_idx):
            raise RuntimeError("mine")

    def fit(kind: type[Classifier]) -> Classifier:
        run = model(kind=kind)
        trainer(fused()).fit(run, Batches(data(), BATCH, seed=0), VALIDATION)
        return run

    good, bad, other = Meeting({Steps: Engine()}, process_ambients()).run(
        [lambda kind=kind: fit(kind) for kind in (Classifier, Fails, Classifier)]
    )
    assert str(bad) == "mine"
    assert_equal(good, other)
