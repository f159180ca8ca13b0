"""Composing fast gives what Hydra composes."""

from __future__ import annotations

import random

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import ConfigCompositionException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from simplicity_sweep.composer import Composer
from simplicity_sweep.resolvers import register
from tests.conftest import PROJECT

CHOICES = {
    "activation": ["relu", "tanh", "sine"],
    "depth": ["linear", "medium", "deep"],
    "data": ["mnist", "digits"],
    "optim": ["adam", "sgd"],
    "optim.lr": [0.1, 0.001, "1e-4"],
    "seed": [0, 7],
    "depth.sizes": ["[128,64]", "null"],
    "trainer.max_epochs": [1, 10],
    "experiment": ["smoke"],
    "+trainer.min_epochs": [1],
    "++optim.eps": [1e-6],
    "~optim.weight_decay": [0.0],
}


@pytest.fixture
def loader_and_master():
    with initialize_config_dir(str(PROJECT / "conf"), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        master = loader.load_configuration("config", ["hydra.verbose=true"], RunMode.MULTIRUN)
        yield loader, master


def drawn_overrides(draw: random.Random) -> list[str]:
    keys = draw.sample(sorted(CHOICES), draw.randint(0, 6))
    return [key if key.startswith("~") else f"{key}={draw.choice(CHOICES[key])}" for key in keys]


def as_yaml(config: DictConfig) -> str:
    return OmegaConf.to_yaml(config)


def test_drawn_jobs_are_composed_as_hydra_composes_them(loader_and_master):
    loader, master = loader_and_master
    composer, draw = Composer(loader, master), random.Random(0)
    for _ in range(12):
        overrides = drawn_overrides(draw)
        expected = loader.load_sweep_config(master, list(overrides))
        composed = composer.compose(overrides)
        assert as_yaml(composed) == as_yaml(expected), overrides
        assert OmegaConf.is_struct(composed)


def test_jobs_do_not_share_their_values(loader_and_master):
    composer = Composer(*loader_and_master)
    first, second = composer.compose(["seed=1"]), composer.compose(["seed=2"])
    first.data.batch_size = 7
    assert (first.seed, second.seed, second.data.batch_size) == (1, 2, 64)


def test_a_job_that_was_kept_is_handed_out_once(loader_and_master):
    composer = Composer(*loader_and_master)
    kept = [composer.keep(["seed=1"]) for _ in range(2)]
    handed_out = [composer.compose(["seed=1"]) for _ in range(3)]
    assert {id(config) for config in kept} == {id(config) for config in handed_out[:2]}
    assert id(handed_out[2]) not in map(id, kept)
    assert as_yaml(handed_out[0]) == as_yaml(handed_out[2])


def test_the_jobs_of_a_sweep_share_its_folder_however_early_they_were_composed(loader_and_master):
    register()  # other tests clear what OmegaConf knows
    loader, master = loader_and_master
    composer = Composer(loader, master)
    composer.keep(["seed=1"])
    folder = master.hydra.sweep.dir  # whose name is drawn now
    assert composer.compose(["seed=1"]).hydra.sweep.dir == composer.compose(["seed=2"]).hydra.sweep.dir == folder


@pytest.mark.parametrize("override", ["optim.lrr=1", "activation=nothing"])
def test_what_does_not_exist_is_refused_as_hydra_refuses_it(loader_and_master, override):
    with pytest.raises(ConfigCompositionException):
        Composer(*loader_and_master).compose([override])
