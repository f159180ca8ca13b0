"""The network to measure: a checkpoint of a run, or whatever a function of the user's returns."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from operator import attrgetter
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from simplicity_sweep.build import build_model
from simplicity_sweep.callbacks import CONFIG_KEY, SIZES_KEY
from simplicity_sweep.config import ConfigError
from simplicity_sweep.identity import PERCEPTRON
from simplicity_sweep.measure.failure import told
from simplicity_sweep.seeds import stream_seed
from simplicity_sweep.trust import holds_interpolation

_CLASSIFICATION = {"name": "classification", "bins": None}  # of runs from before there were other tasks
_SAVED = {"seed", "data", "activation", "depth", "optim", "measure"}


@dataclass(frozen=True, eq=False)
class Subject:
    """A network and what is known of it.

    Attributes:
        network: maps [B, d...] to logits [B, classes].
        initial: its parameters and buffers before it was trained; empty if nobody knows them.
    """

    network: nn.Module
    initial: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def dtype(self) -> torch.dtype:
        """That of its parameters, in which it takes its inputs; float32 where it has none."""
        tensors = chain(self.network.parameters(), self.network.buffers())
        return next((tensor.dtype for tensor in tensors if tensor.is_floating_point()), torch.float32)

    def to(self, device: torch.device) -> Subject:
        """The same on `device`."""
        return Subject(self.network.to(device), {name: tensor.to(device) for name, tensor in self.initial.items()})


@dataclass(frozen=True)
class _Sizes:
    """What a network is built to, where the data set itself is not at hand.

    Attributes:
        shape, outputs: see `TensorData`.
        scale: mean and standard deviation of its training targets, where it answers with numbers.
    """

    shape: tuple[int, ...]
    outputs: int
    scale: tuple[Tensor, Tensor] | None = None
    loss_weights: None = None

    def target_scale(self) -> tuple[Tensor, Tensor]:
        assert self.scale is not None
        return self.scale


def saved_config(checkpoint: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The configuration that a run's checkpoint carries; of one from before there were the groups `model` and
    `task`, with them.

    Raises:
        ConfigError: it carries none, so it is not one of ours, or one that would read more than the file.
    """
    saved = checkpoint.get(CONFIG_KEY)
    if not isinstance(saved, Mapping) or not saved.keys() >= _SAVED or "state_dict" not in checkpoint:
        raise ConfigError(
            f"{name} is not a checkpoint of a run of this project: it holds no configuration to build the network "
            "from. Write a function that returns the network with its weights, and name it: module:function"
        )
    config = {"model": PERCEPTRON, "task": _CLASSIFICATION, **saved}
    if any(holds_interpolation(config[key]) for key in (*_SAVED, "model", "task")):
        raise ConfigError(
            f"{name} holds an interpolation in its configuration, which could read what is secret here. A run of this "
            "project writes its configuration resolved."
        )
    return config


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint's contents, on the CPU.

    Raises:
        ConfigError: there is no such file, or it can't be read as a checkpoint.
    """
    try:
        contents = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ConfigError(
            f"{path} does not exist. Expected a run's checkpoint, as its MLflow tags checkpoint.best and "
            "checkpoint.last name it, or module:function"
        ) from None
    except Exception as error:  # whatever the bytes of a file that is none make torch say
        raise ConfigError(
            f"{path} can't be read as a checkpoint ({_shortly(error)}). Expected the file checkpoints/last.ckpt or "
            "checkpoints/best.ckpt of a run, or module:function"
        ) from error
    if not isinstance(contents, dict):
        raise ConfigError(f"{path} holds {type(contents).__name__} where a checkpoint holds a dict.")
    return contents


def from_checkpoint(checkpoint: Mapping[str, Any], config: Mapping[str, Any]) -> Subject:
    """The checkpoint's network, and what it was before training: its run's seed tells.

    Args:
        checkpoint: its contents.
        config: that of its run, checked: what it names is called.

    Raises:
        ConfigError: the network can't be built, or the weights are not its.
    """
    weights: Mapping[str, Tensor] = checkpoint["state_dict"]
    try:
        sizes: Any = _sizes(checkpoint)
        model = build_model(config, sizes)
        initial = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
        model.load_state_dict(weights)
    except Exception as error:
        raise ConfigError(
            f"The network that the checkpoint's configuration describes can't be had with its weights. {told(error)}. "
            "It takes the activations and the version of this project with which it was trained."
        ) from error
    return Subject(model, initial)


def _sizes(checkpoint: Mapping[str, Any]) -> _Sizes:
    """What the network was built to; the data set itself need not be there."""
    weights = checkpoint["state_dict"]
    if SIZES_KEY in checkpoint:
        sizes = checkpoint[SIZES_KEY]
        scale = (weights["mean"], weights["std"]) if {"mean", "std"} <= weights.keys() else None
        return _Sizes(tuple(map(int, sizes["shape"])), int(sizes["outputs"]), scale)
    # A perceptron of a run that wrote none: its first and its last layer say it.
    matrices = [tensor for tensor in weights.values() if tensor.dim() == 2]
    return _Sizes((matrices[0].shape[1],), len(matrices[-1]))


def from_function(name: str, seed: int) -> Subject:
    """The network that `module:function` returns when it is called without arguments, or is.

    Args:
        name: module:function.
        seed: of the random numbers that the function may draw.

    Raises:
        ConfigError: there is no such function, it raises, or it returns something else.
    """
    module_name, _, function_name = name.partition(":")
    torch.manual_seed(stream_seed(seed, "weights"))
    with _from_the_working_folder():
        try:
            network = attrgetter(function_name)(importlib.import_module(module_name))
        except (Exception, SystemExit) as error:
            raise ConfigError(
                f"{name}: can't be imported. {told(error)}. Expected module:function, in the working folder or "
                "installed."
            ) from error
        if not isinstance(network, nn.Module):
            network = _called(name, network)
    if not isinstance(network, nn.Module):
        raise ConfigError(f"{name}() returned {type(network).__name__}; expected a torch.nn.Module.")
    return Subject(network)


def _called(name: str, function: Any) -> Any:
    if not callable(function):
        raise ConfigError(f"{name} is {type(function).__name__}; expected a function that returns a torch.nn.Module.")
    try:
        return function()
    except (Exception, SystemExit) as error:
        raise ConfigError(
            f"{name}() raised {told(error)}. It is called without arguments: where it needs some, write a function "
            "that passes them."
        ) from error


@contextmanager
def _from_the_working_folder() -> Iterator[None]:
    """Imports look into the working folder first, as in `python -m`."""
    folder = str(Path.cwd())
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)


def _shortly(error: Exception) -> str:
    if isinstance(error, UnpicklingError):
        # What torch says at length is how to run the code in a file from anywhere.
        return "torch.save has not written it, or it holds code"
    return str(error).partition("\n")[0] or type(error).__name__
