"""Any network that a user's own function returns can be measured on a user's own arrays."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from simplicity_sweep.build import build_plan
from simplicity_sweep.config import ConfigError
from simplicity_sweep.data import TensorData
from simplicity_sweep.measure.arrays import read_arrays
from simplicity_sweep.measure.configuration import configured
from simplicity_sweep.measure.figures import figures_of
from simplicity_sweep.measure.subject import from_function
from simplicity_sweep.probe import Figures
from tests.measure.conftest import NETWORKS, QUICK, images

BEFORE = {f"null/{name}/initial" for name in ("lz76_path", "lz76_labels", "deflate_logits")}


@pytest.fixture
def measured(plan, npz):
    """The figures of a network on arrays."""

    def run(name: str, *points: str, path: Path | None = None, seed: int = 0) -> Figures:
        subject = from_function(f"{NETWORKS}:{name}", seed)
        data = read_arrays(path or npz()).to(torch.device("cpu"), subject.dtype)
        return figures_of(subject, data, replace(plan, points=points), name)

    return run


@pytest.mark.parametrize("name", ["linear", "convolutional", "Wrapped", "Factories.linear", "ready", "double", "half"])
def test_a_function_a_class_and_a_network_itself_are_measured(measured, name):
    found = measured(name, "midpoint", "noise")
    assert found.undefined == dict.fromkeys(BEFORE, "the network was not seen before it was trained")
    assert found.values["test/degenerate"] == 0
    assert found.values["noise/flip_rate"] >= 0


@pytest.mark.parametrize("name", ["convolutional", "binary", "double"])
def test_every_measurement_is_taken_at_every_point(npz, name):
    inputs = images()["inputs"]
    plan = build_plan(configured(["measure=full", "measure.probe.test.draws=1", *QUICK], "", None, None))
    path = npz(labels=np.arange(60) % 2, train_inputs=inputs[::-1].copy())
    subject = from_function(f"{NETWORKS}:{name}", 0)
    found = figures_of(subject, read_arrays(path).to(torch.device("cpu"), subject.dtype), plan, name)
    assert all(name.endswith("/initial") for name in found.undefined)
    for measurement in ("noise_relative", "worst_case_flip", "jacobian_norm_probabilities"):
        assert all(f"{points}/{measurement}" in found.values for points in ("test", "train", "midpoint", "noise"))
    assert found.values["test/worst_case_flip"] >= found.values["test/flip_rate"]  # ε = σ = 0.1, in the worst direction
    assert found.values["test/lz76_errors"] >= 2


def test_a_network_without_parameters_is_measured(measured):
    assert measured("without_parameters").values["test/jacobian_norm_logits"] == pytest.approx(8)  # √64: the identity's


def test_one_logit_is_measured_as_the_two_logits_zero_and_itself(measured, npz):
    figures = measured("binary", path=npz(labels=np.arange(60) % 2)).values
    assert figures["null/lz76_labels/true_labels"] == 3  # (01)^30
    # Probabilities p and 1 − p of a logit z: ‖∂(p, 1 − p)/∂x‖ = √2 p (1 − p) ‖∂z/∂x‖, and p (1 − p) ≤ 1/4.
    ratio = figures["test/jacobian_norm_probabilities"] / figures["test/jacobian_norm_logits"]
    assert ratio == pytest.approx(math.sqrt(2) / 4, rel=0.1)
    assert figures["test/noise_l2_probabilities"] == pytest.approx(ratio * figures["test/noise_l2_logits"], rel=0.05)


def test_accuracy_and_loss_are_those_of_the_labels(measured, npz):
    # Of equal logits: every class has the probability 1/10, and the first is the predicted one.
    constant = measured("of_zeros").values
    assert (constant["test/accuracy"], constant["test/loss"]) == (0.1, pytest.approx(math.log(10)))


def test_without_labels_everything_but_what_needs_them_is_measured(measured, npz):
    found = measured("linear", path=npz(labels=None))
    assert "test/accuracy" not in found.values
    assert found.undefined.keys() == BEFORE | {f"null/{name}/true_labels" for name in ("lz76_labels", "deflate_logits")}
    assert found.values["null/lz76_labels/shuffled"] > 2


def test_training_inputs_are_measured_where_they_are_there(measured, npz):
    figures = measured("linear", "train", path=npz(train_inputs=images()["inputs"])).values
    assert figures["train/noise_l2_logits"] == figures["test/noise_l2_logits"]  # the same inputs, the same noise


@pytest.mark.parametrize("dtype", [np.float16, np.float64, ">f4", np.longdouble])
def test_inputs_of_every_precision_are_taken(measured, npz, dtype):
    figures = measured("linear", path=npz(inputs=images()["inputs"].astype(dtype))).values
    assert figures["test/loss"] == pytest.approx(measured("linear").values["test/loss"], rel=1e-3)


def test_a_network_of_doubles_is_given_doubles(measured, npz):
    pixels = images()["inputs"].astype(np.float64)
    one, other = (measured("double", path=npz(inputs=factor * pixels)).values for factor in (1, 1 + 1e-12))
    assert one["test/loss"] != other["test/loss"]


def test_a_function_that_draws_random_numbers_returns_the_same_network_every_time(measured):
    first, second, other = (measured("linear", seed=seed).values for seed in (0, 0, 1))
    assert {k: v for k, v in first.items() if k not in BEFORE} == {k: v for k, v in second.items() if k not in BEFORE}
    assert first["test/loss"] != other["test/loss"]


def test_two_inputs_of_one_class_are_enough(measured, npz):
    found = measured("linear", "midpoint", path=npz(2, labels=np.zeros(2, np.int64)))
    assert found.undefined.keys() == BEFORE
    assert found.values["null/lz76_labels/true_labels"] == 2  # 0 · 0


def test_a_dead_network_is_called_so(measured):
    figures = measured("constant").values
    assert (figures["test/degenerate"], figures["test/lz76_path"]) == (1, 2)


def test_outputs_that_are_not_finite_are_undefined_with_a_reason_and_degenerate(measured):
    found = measured("not_finite")
    assert (found.values.pop("test/degenerate"), found.values.pop("test/accuracy")) == (1, 0)
    for name, value in found.values.items():
        if name.startswith("test/") and not name.endswith("standard_error"):
            assert math.isnan(value)
            assert "non-finite" in found.undefined[name]


def test_what_cannot_be_measured_of_a_network_is_undefined_and_the_rest_is_measured(measured):
    undefined = measured("Detached").undefined
    assert undefined.keys() - BEFORE == {"test/jacobian_norm_logits", "test/jacobian_norm_probabilities"}
    assert "differentiable" in undefined["test/jacobian_norm_logits"]


def test_a_network_that_cannot_bear_noise_says_where_in_the_users_code(measured):
    undefined = measured("Picky").undefined
    noisy = {"test/noise_l2_logits", "test/noise_l2_probabilities", "test/flip_rate"}
    assert undefined.keys() - BEFORE == noisy
    for name in noisy:
        assert undefined[name].startswith("ValueError: a pixel is out of range; raised by the network on")
        assert "networks.py, line" in undefined[name]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Pair", "returns tuple for 2 inputs; expected floating-point logits of shape [2, classes]"),
        ("Squeezed", "returns torch.float32 of shape [2] for 2 inputs"),
        ("Labels", "returns torch.int64 of shape [2, 10]"),
        ("of_other_images", "can't be evaluated on inputs of shape [B, 1, 8, 8]"),
        ("Untested", "no attribute 'netwrok'"),
        ("Untested", "networks.py, line"),
        ("nothing", "nothing() returned NoneType; expected a torch.nn.Module"),
        ("three", "three is int; expected a function"),
        ("with_arguments", "missing 1 required positional argument: 'path'"),
        ("with_arguments", "write a function that passes them"),
        ("without_weights", "FileNotFoundError: weights.pt is not there"),
        ("leaving", "SystemExit: 3"),
        ("nosuch", "no attribute 'nosuch'"),
        ("", "can't be imported"),
    ],
)
def test_a_function_that_gives_no_usable_network_says_what_is_wrong(measured, name, said):
    with pytest.raises(ConfigError) as error:
        measured(name)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def f(:", "SyntaxError"),
        ("import no_such_library", "No module named 'no_such_library'"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
    ],
)
def test_a_module_that_cannot_be_imported_says_why_and_where(tmp_path, monkeypatch, source, said):
    name = f"users_{said[:4].lower()}"
    (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as error:
        from_function(f"{name}:f", 0)
    assert said in str(error.value)
    assert f"{name}.py, line 1" in str(error.value)


def test_a_package_in_the_working_folder_is_found_also_by_imports_in_functions(tmp_path, monkeypatch):
    package = tmp_path / "users_nets"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "parts.py").write_text("from torch import nn\n\ndef head():\n    return nn.Linear(64, 10)\n")
    (package / "deep.py").write_text("def net():\n    from users_nets.parts import head\n    return head()\n")
    monkeypatch.chdir(tmp_path)
    assert from_function("users_nets.deep:net", 0).network.out_features == 10


def test_no_data_set_is_loaded_for_a_users_arrays(command, npz, monkeypatch):
    def never(self):
        raise AssertionError("nobody asked for a data set")

    monkeypatch.setattr(TensorData, "prepare_data", never)
    monkeypatch.setattr(TensorData, "setup", never)
    done = command(f"{NETWORKS}:talkative", "--npz", npz(), "--json", *QUICK)
    assert done.status == 0, done.err
    assert "weights loaded" in done.err  # what the user's code prints does not get into the JSON
    told = json.loads(done.out)
    assert (told["subject"], told["data"]) == (f"{NETWORKS}:talkative", str(npz()))
    assert (told["inputs"], told["seed"], told["undefined"].keys()) == (60, 0, BEFORE)


def test_a_data_set_of_ours_is_measured_on(command):
    done = command("--json", f"{NETWORKS}:linear", "measure=none", "data=digits", "trainer=cpu")
    assert done.status == 0, done.err
    assert (json.loads(done.out)["data"], json.loads(done.out)["inputs"]) == ("Digits", 360)


def test_ctrl_c_ends_with_130_and_no_traceback(command, npz):
    done = command(f"{NETWORKS}:interrupted", "--npz", npz())
    assert (done.status, done.out, done.err) == (130, "", "Interrupted.\n")
