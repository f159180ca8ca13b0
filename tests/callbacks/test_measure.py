"""Measuring a run: right numbers, at the right times, and no trace in the training."""

from __future__ import annotations

import math
from functools import partial

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from simplicity_sweep.callbacks import Measure
from simplicity_sweep.callbacks.measure import Look, observed_together, taken
from simplicity_sweep.data import Digits, Split
from simplicity_sweep.functional import Estimate, jacobian_norm_logits, lz76_path, noise_l2, undefined
from simplicity_sweep.fused.strategy import FusedStrategy
from simplicity_sweep.module import Classifier
from simplicity_sweep.nn import MLP
from simplicity_sweep.probe import Measurement, Observation, Plan, Points, Probe, Together

PROBE = Probe(inputs=50, paths=20, points=16, draws=2, sigma=0.1)
EVERYTHING = ["logits", "noisy_probabilities", "path_labels", "jacobian_gram"]


def total(*tensors: Tensor) -> Estimate:
    return Estimate(sum(float(tensor.double().sum()) for tensor in tensors))


def fitted(callbacks: list[pl.Callback], dropout: float = 0.5, epochs: int = 2) -> tuple[Classifier, pl.Trainer]:
    data = Digits(root="unused", val_size=180, mean=0.3, std=0.4)
    data.prepare_data()
    data.setup("fit")
    torch.manual_seed(0)
    network = nn.Sequential(MLP((8, 8), 16, (8,), nn.ReLU), nn.Dropout(dropout), nn.ReLU(), nn.Linear(16, 10))
    model = Classifier(network, partial(torch.optim.Adam, lr=0.01), 10)
    trainer = pl.Trainer(
        accelerator="cpu",
        strategy=FusedStrategy(torch.device("cpu")),
        max_epochs=epochs,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
        inference_mode=False,
        callbacks=callbacks,
    )
    trainer.fit(model, data)
    return model, trainer


def measure(every_n_epochs: int = 1, **measurements: Measurement) -> Measure:
    return Measure(Plan(measurements, {"val": PROBE, "test": PROBE}, seed=3, points=["train"]), every_n_epochs)


def test_measuring_does_not_change_the_training_by_a_bit():
    measured, _ = fitted([measure(everything=Measurement(total, EVERYTHING))])
    plain, _ = fitted([])
    for name, value in plain.state_dict().items():
        assert torch.equal(value, measured.state_dict()[name]), name


def test_a_figure_is_that_of_the_function_on_what_was_observed():
    model, trainer = fitted([measure(path=Measurement(lz76_path, ["path_labels"]))])
    split: Split = trainer.datamodule.val
    points = Points(split.inputs[:50], split.labels[:50], PROBE, seed=3)
    expected = lz76_path(Observation(model, points).path_labels).value
    assert float(trainer.callback_metrics["val/path"]) == pytest.approx(expected)


def test_measurements_are_taken_at_every_nth_validation():
    calls = []

    def count(logits: Tensor) -> Estimate:
        calls.append(len(logits))
        return Estimate(0.0)

    fitted([measure(2, count=Measurement(count, ["logits"]))], epochs=5)
    assert calls == [50, 50]


def test_what_is_undefined_is_nan_with_its_reason():
    callback = measure(nothing=Measurement(lambda logits: undefined("no such thing"), ["logits"]))
    _, trainer = fitted([callback])
    assert math.isnan(trainer.callback_metrics["val/nothing"])
    assert callback.undefined == {"val/nothing": "no such thing"}


def test_the_final_figures_are_logged_with_the_tests():
    mean = Measurement(lambda logits: Estimate(float(logits.mean()), 0.5), ["logits"], ["shuffled", "initial"], True)
    _, trainer = fitted([measure(mean=mean)])
    [figures] = trainer.test(trainer.model, trainer.datamodule, verbose=False)
    assert {name for name in figures if "mean" in name} == {
        *("test/mean", "test/mean/standard_error", "null/mean/shuffled", "null/mean/initial"),
        *("train/mean", "train/mean/standard_error"),
    }
    assert figures["null/mean/shuffled"] == pytest.approx(figures["test/mean"])
    assert figures["null/mean/initial"] != pytest.approx(figures["test/mean"])


def looks(count: int) -> list[Look]:
    data = Digits(root="unused", val_size=180, mean=0.3, std=0.4)
    data.prepare_data()
    data.setup("fit")
    measurements = {
        "path": Measurement(lz76_path, ["path_labels"], ["initial"]),
        "noise": Measurement(noise_l2, ["logits", "noisy_logits"]),
        "jacobian": Measurement(jacobian_norm_logits, ["jacobian_gram"], pointwise=True),
    }
    made = []
    for seed in range(count):
        torch.manual_seed(seed)
        model = Classifier(MLP((8, 8), 10, (16,), nn.ReLU), partial(torch.optim.Adam, lr=0.01), 10)
        plan = Plan(measurements, {"val": PROBE, "test": PROBE}, seed=seed % 2, points=["train"])
        made.append(Look(plan, model, data, None if seed < 3 else dict(model.state_dict())))
    return made


def test_networks_observed_together_get_the_figures_that_each_gets_by_itself():
    asked = looks(6)
    seen = observed_together(asked)
    assert len(seen) == 6
    for look in asked:
        together, alone = look.take(seen[id(look)]), look.take()
        assert together.values == pytest.approx(alone.values, rel=1e-5)
        assert together.values.keys() == alone.values.keys()


def test_a_network_that_cannot_be_observed_beside_others_is_measured_by_itself(monkeypatch):
    def refused(self):
        raise RuntimeError("data-dependent control flow")

    asked = looks(2)
    seen = observed_together(asked)
    monkeypatch.setattr(Together, "_call", refused)
    assert taken(asked[0], seen[id(asked[0])]).values == asked[0].take().values
