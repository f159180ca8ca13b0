"""What was chosen of `activation` and `depth`: a sweep over what no network takes would compare nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from simplicity_sweep.architecture import DEPTH, asked, depth_taken
from simplicity_sweep.config import ConfigError
from simplicity_sweep.resolvers import project_folder, register


def refuse_unused(config: Mapping[str, Any], overrides: Sequence[str]) -> None:
    """Refuses an activation or a depth that was chosen for a network that does not take it.

    Chosen is what an override names, its value being the default or not, and every value that differs from the one that
    `conf/config.yaml` alone has: a setting's or an experiment's.

    Args:
        config: a resolved configuration.
        overrides: of the command line and of the sweep, in Hydra's words.

    Raises:
        ConfigError: names what was chosen, and the network.

    Example:
        >>> model = {"_target_": "simplicity_sweep.nn.CNN", "_partial_": True}
        >>> refuse_unused({"model": model}, ["depth=deep", "activation=tanh"])
        >>> refuse_unused({"model": model}, ["depth.width=64"])
        Traceback (most recent call last):
            ...
        simplicity_sweep.config.ConfigError: depth.width=64: simplicity_sweep.nn.CNN takes no depth.width, so it would \
change nothing. It takes activation, depth.hidden_layers. Leave it out, or choose another model (docs/networks.md).
    """
    unused = _unused(config["model"])
    if not unused:
        return
    for what, key in (*_named(overrides, unused), *_different(config, unused)):
        takes = sorted({"activation", *_depth_keys()} - unused)
        raise ConfigError(
            f"{what}: {config['model']['_target_']} takes no {key}, so it would change nothing. It takes "
            f"{', '.join(takes) or 'neither activation nor depth'}. Leave it out, or choose another model "
            "(docs/networks.md)."
        )


def _depth_keys() -> list[str]:
    return [f"depth.{key}" for key in DEPTH]


def _unused(model: Mapping[str, Any]) -> frozenset[str]:
    """`activation` and the keys of `depth` that the network does not take."""
    taken = {f"depth.{key}" for key in depth_taken(model)} | {"activation"} & asked(model)
    return frozenset({"activation", *_depth_keys()} - taken)


def _named(overrides: Sequence[str], unused: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Each override of what is unused, and what that is."""
    for override in overrides:
        key = re.split(r"[=@]", override.lstrip("+~"))[0]
        if key == "depth" and unused.issuperset(_depth_keys()):
            yield override, "depth"
        elif key in unused:
            yield override, key
        elif key.partition(".")[0] == "activation" and "activation" in unused:
            yield override, "activation"


def _different(config: Mapping[str, Any], unused: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Each unused value that is not the default."""
    if not {"activation", "depth"} <= config.keys():
        return
    default = _default()
    for key in sorted(unused):
        group, _, name = key.partition(".")
        value, usual = (node[group][name] if name else node[group] for node in (config, default))
        if value != usual:
            yield f"{key} = {value!r}, as a setting or an experiment has it" if name else f"{key} = {_told(value)}", key


def _told(activation: Mapping[str, Any]) -> str:
    return f"{activation['_target_']!r}, as a setting or an experiment has it"


@cache
def _default() -> dict[str, Any]:
    """Both groups as `conf/config.yaml` alone has them."""
    register()
    # Not by hydra.compose, which refuses to work within a Hydra application.
    loader = ConfigLoaderImpl(create_config_search_path(str(project_folder() / "conf")))
    composed = loader.load_configuration("config", [], RunMode.RUN)
    return {group: OmegaConf.to_container(composed[group], resolve=True) for group in ("activation", "depth")}


def overrides_of(config: DictConfig) -> list[str]:
    """The overrides with which a job's configuration was composed; none where Hydra's own node is left out."""
    return list(config.hydra.overrides.task) if "hydra" in config else []
