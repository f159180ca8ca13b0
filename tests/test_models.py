"""`model`: each option is built, trained, recorded and measured; what it does not take is refused before any job."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
import torch
from omegaconf import open_dict
from torch import nn

from simplicity_sweep.build import build_model
from simplicity_sweep.chosen import refuse_unused
from simplicity_sweep.config import ConfigError
from simplicity_sweep.identity import result_hash
from simplicity_sweep.measure.command import measure
from simplicity_sweep.preflight import preflight, resolve
from simplicity_sweep.record import chosen_parameters
from tests.commands import parent_and_children, runs, train
from tests.walkthrough import Walkthrough

DIGITS = SimpleNamespace(shape=(8, 8), outputs=10, loss_weights=None)
MODELS = {
    "mlp": ["model=mlp"],
    "cnn": ["model=cnn"],
    "resnet18": ["model=resnet18", "model.stem=small"],
    "transformer": ["model=transformer"],
}
SMALL = [
    *(f"measure.probe.{stage}.{key}" for stage in ("val", "test") for key in ("inputs=20", "paths=4", "points=8")),
    *("trainer=cpu", "trainer.max_epochs=1", "data=digits", "data.batch_size=512"),
]
MINE = """
import torch
from torch import nn

class Mine(nn.Sequential):
    def __init__(self, shape, outputs, width, activation, dropout=0.0):
        super().__init__(
            nn.Flatten(),
            nn.Linear(shape[0] * shape[1], width),
            activation(),
            nn.Dropout(dropout),
            nn.Linear(width, outputs),
        )

class Branching(nn.Module):
    def __init__(self, outputs):
        super().__init__()
        self.layer = nn.Linear(64, outputs)

    def forward(self, inputs):
        return self.layer(inputs.flatten(1) * (2 if inputs.sum().item() > 0 else 1))

class Needs(nn.Linear):
    def __init__(self, colour): ...

def no_module(): return 3

def frozen(): return nn.Sequential(nn.Flatten())

def other_outputs(): return nn.Sequential(nn.Flatten(), nn.Linear(64, 7))

def wrong_inputs(outputs): return nn.Linear(63, outputs)
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A package of the user's."""
    (tmp_path / "my_networks.py").write_text(MINE)
    monkeypatch.syspath_prepend(tmp_path)
    yield ["trust=[my_networks]"]
    sys.modules.pop("my_networks", None)


@pytest.fixture
def judged(composed, tmp_path):
    def judge(*overrides: str) -> None:
        config = composed("data=digits", f"tracking.uri=sqlite:///{tmp_path}/mlflow.db", *overrides)
        with_overrides(config, overrides)
        preflight([config])

    return judge


def with_overrides(config, overrides) -> None:
    """The part of Hydra's own node that a job's configuration has, and a composed one has not."""
    with open_dict(config):
        config.hydra = {"overrides": {"task": list(overrides)}}


@pytest.mark.parametrize("model", MODELS)
def test_every_model_is_built_from_its_file(composed, model):
    network = build_model(resolve(composed("data=digits", *MODELS[model], "activation=tanh")), DIGITS).network
    assert network(torch.zeros(3, 8, 8)).shape == (3, 10)
    assert any(isinstance(part, nn.Tanh) for part in network.modules())


def test_the_default_is_the_perceptron_of_before(composed):
    torch.manual_seed(0)
    network = build_model(resolve(composed("data=digits")), DIGITS).network
    assert [type(layer) for layer in network] == [nn.Flatten, nn.Linear, nn.ReLU, nn.Linear, nn.ReLU, nn.Linear]


def test_a_perceptrons_hash_is_that_of_before_there_were_models(composed):
    config = resolve(composed())
    assert result_hash(config) == result_hash({key: value for key, value in config.items() if key != "model"})
    others = [resolve(composed("model=cnn", *more)) for more in ([], ["model.channels=8"])]
    assert len({result_hash(each) for each in (config, *others)}) == 3


@pytest.mark.parametrize(
    ("overrides", "kept"),
    [
        (["model=cnn"], {"depth", "activation", "depth.hidden_layers", "model.channels"}),
        (["model=resnet18"], {"activation", "model.stem"}),
        (["model=mlp"], {"depth", "activation", "depth.hidden_layers", "depth.sizes"}),
    ],
)
def test_only_what_a_network_takes_has_a_column(composed, overrides, kept):
    groups = {"model": overrides[0].partition("=")[2], "activation": "relu", "depth": "medium"}
    names = chosen_parameters(resolve(composed(*overrides)), groups)
    assert names["model"] == groups["model"]
    own = {name for name in names if name.partition(".")[0] in ("activation", "depth") or name.startswith("model.")}
    assert own == kept


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["model=resnet18", "data=mnist", "depth=deep"],
            "depth=deep: simplicity_sweep.nn.resnet.ResNet18 takes no depth",
        ),
        (["model=resnet18", "depth=medium"], "depth=medium: "),
        (["model=resnet18", "depth.hidden_layers=3"], "depth.hidden_layers=3: "),
        (["model=resnet18", "setting=deeper"], "depth.hidden_layers = 4, as a setting or an experiment has it"),
        (
            ["model=cnn", "depth.width=64"],
            "takes no depth.width, so it would change nothing. It takes activation, depth.",
        ),
        (["model=cnn", "depth.sizes=[8,8]"], "depth.sizes=[8,8]: simplicity_sweep.nn.CNN takes no depth.sizes"),
        (["model=transformer", "++depth.width=64"], "++depth.width=64: "),
    ],
)
def test_what_is_chosen_and_not_taken_is_refused(judged, overrides, message):
    with pytest.raises(ConfigError) as caught:
        judged(*overrides)
    assert message in str(caught.value)


@pytest.mark.parametrize("override", ["activation=tanh", "activation=relu", "activation._target_=torch.nn.ELU"])
def test_an_activation_that_a_network_does_not_take_is_refused(judged, mine, override):
    with pytest.raises(ConfigError, match=r"takes no activation, so .* It takes neither activation nor depth"):
        judged("model._target_=my_networks.Branching", *mine, override)


@pytest.mark.parametrize("overrides", [["model=cnn", "setting=deeper"], ["model=cnn", "setting=tanh", "depth=linear"]])
def test_what_is_chosen_and_taken_is_let_through(composed, overrides):
    refuse_unused(resolve(composed(*overrides)), overrides)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["model=resnet18"],
            "does not fit data._target_ = 'simplicity_sweep.data.Digits', with inputs of shape (8, 8)",
        ),
        (["model=resnet18"], "model.stem=small"),
        (["model=transformer", "model.patch=3"], "model.patch=1 or 2 or 4 or 8"),
        (["model=cnn", "model.channels=0"], "channels"),
        (["model=cnn", "+model.colour=1"], "model.colour = 1: simplicity_sweep.nn.CNN takes no such argument"),
        # 1257 = 4 · 314 + 1: batch normalisation has nothing to normalise over where a map is a single pixel
        (["model=resnet18", "model.stem=small", "data.batch_size=4"], "On a training batch of 1: "),
        (["model._target_=my_networks.Needs"], "model.colour is missing"),
        (["model._target_=my_networks.no_module"], "Expected a torch.nn.Module, but got int"),
        (["model._target_=my_networks.frozen"], "no parameter that could be trained"),
        (["model._target_=my_networks.other_outputs"], "but got [41, 7]"),
        (["model._target_=my_networks.wrong_inputs"], "RuntimeError"),
        (["model._target_=my_networks.nothing"], "can't be imported"),
    ],
)
def test_a_network_that_does_not_take_the_data_is_refused(judged, mine, overrides, message):
    with pytest.raises(ConfigError) as caught:
        judged(*mine, *overrides)
    assert message in str(caught.value)


@pytest.mark.parametrize("target", ["Mine", "Branching"])
def test_a_network_of_ones_own_is_let_through(judged, mine, target):
    judged(*mine, f"model._target_=my_networks.{target}")


def test_a_network_of_ones_own_is_given_what_it_names(composed, mine):
    config = resolve(composed("model._target_=my_networks.Mine", "+model.dropout=0.5", "depth.width=7", *mine))
    network = build_model(config, DIGITS).network
    assert network[1].out_features == 7
    assert network[3].p == 0.5


def test_what_one_job_of_a_sweep_does_not_take_is_refused_before_the_first(tmp_path):
    done = train(tmp_path, "-m", "model=mlp,resnet18", "model.stem=small", "depth=shallow,deep", *SMALL)
    assert done.returncode == 1
    assert not (tmp_path / "multirun").exists()


@pytest.mark.parametrize(
    "overrides",
    [["model=mlp,cnn,transformer"], pytest.param(["model=resnet18", "model.stem=small"], marks=pytest.mark.slow)],
)
def test_every_model_trains_and_is_measured_by_the_real_command(tmp_path, overrides):
    done = train(tmp_path, "-m", *overrides, *SMALL)
    assert done.returncode == 0, done.stderr
    _, children = parent_and_children(tmp_path)
    assert ",".join(child.data.params["model"] for child in children) == overrides[0].removeprefix("model=")
    for child in children:
        assert child.data.tags["fused"] == "yes"
        again = measure(child.data.tags["checkpoint.last"], []).figures.values
        for name in ("test/jacobian_norm_logits", "test/lz76_path", "null/lz76_path/initial"):
            assert again[name] == pytest.approx(child.data.metrics[name], rel=1e-6)


def test_the_walk_through_of_the_documentation_trains_a_network_of_ones_own(tmp_path):
    page = Walkthrough.of("networks.md", "Add your network")
    page.write(tmp_path)
    [[_, _, *given]] = page.commands
    quick = [override for override in SMALL if override not in given]
    done = train(tmp_path, f"--config-dir={tmp_path}/conf", *given, *quick, PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    [run] = runs(tmp_path)
    assert {name: run.data.params[name] for name in ("model", "model.dropout", "activation", "depth.width")} == {
        "model": "wide",
        "model.dropout": "0.2",
        "activation": "tanh",
        "depth.width": "32",
    }
    assert "depth.hidden_layers" not in run.data.params
