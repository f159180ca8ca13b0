"""What many tests share."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from simplicity_sweep.resolvers import register
from simplicity_sweep.tracking import Run, Store
from tests.stores import new_store

PROJECT = Path(__file__).resolve().parents[1]

# Tests and what they start hear Ctrl-C, also in what a shell has started in the background, which ignores it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def composed() -> Callable[..., DictConfig]:
    """The project's own configuration with overrides, as a job would get it."""

    register()  # Hydra's own fixtures take away what a test before has registered

    def compose_with(*overrides: str) -> DictConfig:
        with initialize_config_dir(str(PROJECT / "conf"), version_base="1.3"):
            return compose("config", list(overrides))

    return compose_with


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """One store for a file of tests, each of which starts runs of its own."""
    return new_store(tmp_path_factory.mktemp("store"))


@pytest.fixture
def run(store: Store) -> Run:
    """A run under way."""
    return Run.start(store, name="a run", params={}, tags={})
