"""Measuring a run: right numbers, at the right times, and no trace in the training."""

from __future__ import annotations

import math
from functools import partial

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from simplicity_sweep.callbacks import Measure, Measurement, Observation, Probe
from simplicity_sweep.data import Digits, Split
from simplicity_sweep.functional import Estimate, lz76_path, noise_l2, undefined
from simplicity_sweep.fused.strategy import FusedStrategy
from simplicity_sweep.module import Classifier
from simplicity_sweep.nn import MLP

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
    return Measure(measurements, {"val": PROBE, "test": PROBE}, seed=3, every_n_epochs=every_n_epochs)


def test_measuring_does_not_change_the_training_by_a_bit():
    measured, _ = fitted([measure(everything=Measurement(total, EVERYTHING))])
    plain, _ = fitted([])
    for name, value in plain.state_dict().items():
        assert torch.equal(value, measured.state_dict()[name]), name


def test_a_figure_is_that_of_the_function_on_what_was_observed():
    model, trainer = fitted([measure(path=Measurement(lz76_path, ["path_labels"]))])
    split: Split = trainer.datamodule.val
    expected = lz76_path(Observation(model, split, PROBE, seed=3).path_labels).value
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


def test_the_test_figures_come_with_their_standard_errors():
    model, trainer = fitted([measure(noise=Measurement(noise_l2, ["logits", "noisy_logits"]))])
    [figures] = trainer.test(model, trainer.datamodule, verbose=False)
    seen = Observation(model, trainer.datamodule.test, PROBE, seed=3)
    expected = noise_l2(seen.logits, seen.noisy_logits)
    assert figures["test/noise"] == pytest.approx(expected.value)
    assert figures["test/noise/standard_error"] == pytest.approx(expected.standard_error)


def observation(seed: int = 0, network: nn.Module | None = None) -> Observation:
    inputs = torch.randn(60, 4, generator=torch.Generator().manual_seed(1))
    split = Split(inputs, torch.zeros(60, dtype=torch.int64))
    return Observation(network or nn.Identity(), split, PROBE, seed)


def test_one_seed_observes_every_network_at_the_same_points():
    plain, twice = observation(), observation(network=nn.Linear(4, 4, bias=False))
    twice.network.weight.data = 2 * torch.eye(4)
    assert torch.equal(2 * plain.noisy_logits, twice.noisy_logits)
    assert torch.equal(plain.path_labels, twice.path_labels)
    assert not torch.equal(observation(seed=1).noisy_logits, plain.noisy_logits)


def test_the_probe_inputs_are_the_first_of_the_split():
    seen = observation()
    assert torch.equal(seen.logits, seen.inputs)
    assert len(seen.inputs) == PROBE.inputs
    assert seen.noisy_logits.shape == (PROBE.draws, 50, 4)
    assert seen.path_labels.shape == (PROBE.paths, PROBE.points)


def test_the_noise_has_the_chosen_size():
    seen = observation()
    spread = (seen.noisy_logits - seen.logits).std()
    assert float(spread) == pytest.approx(PROBE.sigma, rel=0.2)


def test_the_jacobian_of_a_linear_map_is_its_matrix():
    network = nn.Linear(4, 3)
    gram = observation(network=network).jacobian_gram
    expected = (network.weight @ network.weight.T).detach().expand(50, 3, 3)
    torch.testing.assert_close(gram, expected)
