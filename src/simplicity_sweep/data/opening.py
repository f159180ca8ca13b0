"""A data module from its configuration: one of ours, or any other LightningDataModule behind an adapter."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from inspect import Parameter, isclass, signature
from typing import Any

from hydra.utils import get_object, instantiate

from simplicity_sweep.data.foreign import Foreign
from simplicity_sweep.data.tensors import TensorData

KEYS = ("batch_size", "answers", "outputs", "split_seed", "class_weights", "root", "resident")
"""What can be said of a module that is not ours, beside its own arguments."""


def open_data(config: Mapping[str, Any], order_seed: int = 0) -> TensorData:
    """The data module of a configuration, neither prepared nor set up.

    Of a module that is not ours, those of `KEYS` that it takes are for it too, and all others are.

    Args:
        config: a `_target_` and arguments, resolved; the target has been found harmless.
        order_seed: decides the order of the training examples.
    """
    target = get_object(config["_target_"])
    if not is_foreign(target):
        data: TensorData = instantiate(config, order_seed=order_seed)
        return data
    ours = {key: config[key] for key in KEYS if key in config}
    own = {
        key: value for key, value in config.items() if key not in KEYS or (value is not None and key in _named(target))
    }
    return Foreign(
        partial(instantiate, own, _convert_="all"),
        arguments=repr(sorted((key, value) for key, value in own.items() if key not in KEYS)),
        module_name=config["_target_"].rpartition(".")[2],
        order_seed=order_seed,
        **ours,
    )


def is_foreign(target: Any) -> bool:
    """Whether a target gives no data module of ours."""
    return not (isclass(target) and issubclass(target, TensorData))


def _named(target: Any) -> list[str]:
    parameters = signature(target).parameters.values()
    return [parameter.name for parameter in parameters if parameter.kind is not Parameter.VAR_KEYWORD]
