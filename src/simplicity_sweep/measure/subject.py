"""The network to measure: a checkpoint of a run, or whatever a function of the user's returns."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from simplicity_sweep.build import build_model
from simplicity_sweep.callbacks import CONFIG_KEY
from simplicity_sweep.config import ConfigError
from simplicity_sweep.data import TensorData


@dataclass(frozen=True, eq=False)
class Subject:
    """A network and what is known of it.

    Attributes:
        network: maps [B, d...] to logits [B, classes].
        initial: its parameters and buffers before it was trained; empty if nobody knows them.
    """

    network: nn.Module
    initial: Mapping[str, Tensor] = field(default_factory=dict)


def saved_config(checkpoint: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The configuration that a run's checkpoint carries.

    Raises:
        ConfigError: it carries none, so it is not one of ours.
    """
    if CONFIG_KEY not in checkpoint:
        raise ConfigError(
            f"{name} is not a checkpoint of a run of this project: it holds no configuration to build the network "
            "from. Write a function that returns the network with its weights, and name it: module:function"
        )
    return dict(checkpoint[CONFIG_KEY])


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint's contents, on the CPU.

    Raises:
        ConfigError: there is no such file, or it can't be read as a checkpoint.
    """
    try:
        contents = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ConfigError(
            f"{path} does not exist. A run's checkpoints stand in its MLflow tags checkpoint.best and checkpoint.last."
        ) from None
    except Exception as error:  # whatever the bytes of a file that is none make torch say
        first = str(error).partition("\n")[0]
        raise ConfigError(f"{path} can't be read as a checkpoint ({first}).") from error
    if not isinstance(contents, dict):
        raise ConfigError(f"{path} holds {type(contents).__name__} where a checkpoint holds a dict.")
    return contents


def from_checkpoint(checkpoint: Mapping[str, Any], config: Mapping[str, Any], data: TensorData) -> Subject:
    """The checkpoint's network, and what it was before training: its seed tells."""
    model = build_model(config, data)
    initial = {name: value.detach().clone() for name, value in model.state_dict().items()}
    model.load_state_dict(checkpoint["state_dict"])
    return Subject(model, initial)


def from_function(name: str) -> Subject:
    """The network that `module:function` returns when it is called without arguments.

    Raises:
        ConfigError: there is no such function, it raises, or it returns something else.
    """
    module_name, _, function_name = name.partition(":")
    sys.path.insert(0, str(Path.cwd()))  # as `python -m` of the user's own modules would have it
    try:
        function = getattr(importlib.import_module(module_name), function_name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"{name}: can't be imported ({error}). Expected module:function, in the working folder or installed."
        ) from error
    finally:
        sys.path.pop(0)
    try:
        network = function()
    except Exception as error:
        raise ConfigError(f"{name}() raised {type(error).__name__}: {error}") from error
    if not isinstance(network, nn.Module):
        raise ConfigError(f"{name}() returned {type(network).__name__}; expected a torch.nn.Module.")
    return Subject(network)
