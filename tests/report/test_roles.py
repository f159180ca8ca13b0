from __future__ import annotations

import pytest

from simplicity_sweep.report.findings.roles import roles
from simplicity_sweep.report.results import Job, Results
from tests.report.synthetic import SETTINGS


def params(activation="relu", layers=2, lr="0.001"):
    return {
        "seed": "0",
        "activation": activation,
        "depth": f"d{layers}",
        "depth.hidden_layers": str(layers),
        "optim.lr": lr,
    }


def of_params(settings, base=None):
    jobs = [Job(setting=name, seed=0, status="FINISHED", params=of) for name, of in settings.items()]
    return Results(name="", about={}, base=base or jobs[0].setting, jobs=jobs)


def test_in_a_grid_the_parameters_say_who_plays_which_part():
    settings = {
        f"{activation} {layers} {lr}": params(activation, layers, lr)
        for activation in ("relu", "leaky_relu", "tanh", "sigmoid")
        for layers in (1, 2, 4)
        for lr in ("0.0001", "0.001", "0.01")
    }
    assert roles(of_params(settings, base="relu 2 0.001")) == {
        "relu": "relu 2 0.001",
        "leaky_relu": "leaky_relu 2 0.001",
        "tanh": "tanh 2 0.001",
        "sigmoid": "sigmoid 2 0.001",
        "deeper": "relu 4 0.001",
        "high_lr": "relu 2 0.01",
    }


def test_names_say_it_in_the_studys_own_sweep_but_a_base_that_is_no_relu_is_none():
    assert roles(
        Results(
            name="", about={}, base="base", jobs=[Job(setting=name, seed=0, status="FINISHED") for name in SETTINGS]
        )
    ) == {
        "relu": "base",
        "leaky_relu": "leaky_relu",
        "tanh": "tanh",
        "sigmoid": "sigmoid",
        "deeper": "deeper",
        "high_lr": "high_lr",
    }
    assert "relu" not in roles(of_params({"base": params("gelu"), "tanh": params("tanh")}))


@pytest.mark.parametrize(
    "others",
    [
        {"b": params("tanh", lr="0.01")},  # differs in two things
        {"b": params("tanh"), "c": params("tanh")},  # differ in something that is not recorded: which one is it?
        {"b": params("gelu")},
        {"b": {}},
    ],
)
def test_a_part_that_is_not_certain_is_not_given(others):
    assert roles(of_params({"a": params(), **others})) == {"relu": "a"}


def test_a_rate_that_is_a_little_higher_is_not_high_and_fewer_layers_are_not_deeper():
    found = roles(of_params({"a": params(), "b": params(lr="0.005"), "c": params(layers=1)}))
    assert found == {"relu": "a"}
