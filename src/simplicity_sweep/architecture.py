"""The network that a configuration describes: what it is given of what was chosen, and whether it takes the data."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from hydra.utils import instantiate
from torch import Tensor, nn

from simplicity_sweep.config import ConfigError
from simplicity_sweep.nn import hidden_sizes
from simplicity_sweep.trust import located

GIVEN = ("shape", "outputs", "activation", "hidden_layers", "width", "sizes")
"""What a network is given where its signature has a parameter of that name, and the group `model` no value for it."""

DEPTH = ("hidden_layers", "width", "sizes")
"""The keys of the group `depth`."""


def asked(model: Mapping[str, Any]) -> frozenset[str]:
    """The names among `GIVEN` that a network asks for.

    Args:
        model: the configuration's group.

    Example:
        >>> sorted(asked({"_target_": "simplicity_sweep.nn.CNN", "channels": 8}))
        ['activation', 'hidden_layers', 'outputs', 'shape']
    """
    parameters = inspect.signature(located("model", model["_target_"])).parameters
    return frozenset(GIVEN) & parameters.keys() - model.keys()


def depth_taken(model: Mapping[str, Any]) -> frozenset[str]:
    """The keys of `depth` that a network's layers follow from: all of them where it asks for `sizes`.

    Example:
        >>> sorted(depth_taken({"_target_": "simplicity_sweep.nn.MLP"}))
        ['hidden_layers', 'sizes', 'width']
        >>> sorted(depth_taken({"_target_": "simplicity_sweep.nn.CNN"}))
        ['hidden_layers']
    """
    names = asked(model)
    return frozenset(DEPTH) if "sizes" in names else names & frozenset(DEPTH)


def build_network(config: Mapping[str, Any], shape: Sequence[int], outputs: int) -> nn.Module:
    """The network, its weights drawn from the global random state.

    Args:
        config: a resolved configuration.
        shape: of one input.
        outputs: how many logits.

    Raises:
        Exception: whatever the network itself raises.
    """
    depth, model = config["depth"], config["model"]
    sizes = hidden_sizes(depth["hidden_layers"], depth["width"], depth["sizes"])
    values = {
        "shape": tuple(shape),
        "outputs": outputs,
        "activation": instantiate(config["activation"]),
        "hidden_layers": len(sizes),
        "width": depth["width"],
        "sizes": sizes,
    }
    factory = instantiate(model, _convert_="all")
    network: nn.Module = factory(**{name: values[name] for name in sorted(asked(model))})
    return network


def refuse_incomplete(model: Mapping[str, Any]) -> None:
    """Refuses a network that needs an argument which it is not given, and for which the group `model` has no value.

    Raises:
        ConfigError: names the argument, and what is given.

    Example:
        >>> refuse_incomplete({"_target_": "torch.nn.Bilinear", "out_features": 10})
        Traceback (most recent call last):
            ...
        simplicity_sweep.config.ConfigError: model.in1_features is missing: torch.nn.Bilinear needs it. Set it, or \
name what it is given: shape, outputs, activation, hidden_layers, width, sizes.
    """
    for parameter in inspect.signature(located("model", model["_target_"])).parameters.values():
        needed = parameter.default is parameter.empty and parameter.kind not in (
            parameter.VAR_POSITIONAL,
            parameter.VAR_KEYWORD,
        )
        if needed and parameter.name not in (*GIVEN, *model):
            raise ConfigError(
                f"model.{parameter.name} is missing: {model['_target_']} needs it. Set it, or name what it is given: "
                f"{', '.join(GIVEN)}."
            )


def refuse_misfit(config: Mapping[str, Any], inputs: Tensor, outputs: int, batch_sizes: Sequence[int]) -> None:
    """Refuses a network that can't be built for the data, or can't be trained on batches of these sizes.

    It is built and called without memory or arithmetic, on torch's meta device; one that can't be is tried on the CPU.

    Args:
        config: a resolved configuration.
        inputs: the training inputs, [n, *shape].
        outputs: how many they need.
        batch_sizes: of the training batches.

    Raises:
        ConfigError: says what the network says.
    """
    problem = None
    for device in ("meta", "cpu"):
        try:
            with torch.device(device), torch.random.fork_rng(devices=[]), torch.no_grad():
                problem = _problem(build_network(config, inputs.shape[1:], outputs), inputs, outputs, batch_sizes)
            break
        except Exception as error:  # whatever a network of the user's raises, or the meta device about it
            problem = f"{type(error).__name__}: {error}" if not isinstance(error, ValueError) else str(error)
    if problem is not None:
        raise ConfigError(
            f"model._target_ = {config['model']['_target_']!r}: does not fit data._target_ = "
            f"{config['data']['_target_']!r}, with inputs of shape {tuple(inputs.shape[1:])} and {outputs} outputs. "
            f"{problem.strip()}"
        )


def _problem(network: Any, inputs: Tensor, outputs: int, batch_sizes: Sequence[int]) -> str | None:
    if not isinstance(network, nn.Module):
        return f"Expected a torch.nn.Module, but got {type(network).__name__}."
    if not any(parameter.requires_grad for parameter in network.parameters()):
        return "It has no parameter that could be trained."
    network.train()
    for size in batch_sizes:
        try:
            logits = network(inputs[:size].to(next(network.parameters()).device))
        except ValueError as error:
            raise ValueError(f"On a training batch of {size}: {error}") from error
        if not isinstance(logits, Tensor) or logits.shape != (size, outputs):
            got = list(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            return f"Expected logits of shape {[size, outputs]} for a batch of {size}, but got {got}."
    return None
