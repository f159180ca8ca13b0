"""What code a configuration may name: building blocks of torch and of this project, and packages that the user trusts.

Hydra refuses targets, too, but those of a list of the dangerous ones; here everything is refused that is not known to
be harmless. A configuration can come from elsewhere, with a file or in a checkpoint.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cache
from inspect import isclass
from typing import Any

from simplicity_sweep.config import ConfigError

BUILT_IN = ("torch.nn", "torch.optim", "simplicity_sweep.nn", "simplicity_sweep.data", "simplicity_sweep.functional")
"""Where a target may lie: of these packages layers, optimisers, data modules and measurements."""

BUILT = ("data", "model", "activation", "optim", "trainer", "measure")
"""The keys of a configuration from which objects are built."""

_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


Remedy = Callable[[Sequence[str]], str]
"""How a user allows packages."""


def by_key(packages: Sequence[str]) -> str:
    """The override that allows packages.

    Example:
        >>> by_key(["my_package"])
        'trust=[my_package]'
    """
    return f"trust=[{','.join(packages)}]"


def refuse_untrusted(configs: Sequence[Mapping[str, Any]], remedy: Remedy = by_key) -> None:
    """Refuses targets that lie neither in `BUILT_IN` nor in the configuration's own list `trust`.

    They are looked for at any depth, and by name in all configurations before the first one is imported. Then it counts
    what they are: `torch.nn.functional.warnings.warn` is none of torch's layers.

    Args:
        configs: resolved ones.
        remedy: how the user allows packages, for the message.

    Raises:
        ConfigError: names key, target, allowed packages and remedy.

    Example:
        >>> refuse_untrusted([{"trust": [], "activation": {"_target_": "torch.nn.ReLU"}}])
        >>> refuse_untrusted([{"trust": [], "activation": {"_target_": "os.system"}}])
        Traceback (most recent call last):
            ...
        simplicity_sweep.config.ConfigError: activation._target_ = 'os.system': is not in torch.nn, torch.optim, \
simplicity_sweep.nn, simplicity_sweep.data or simplicity_sweep.functional, and a configuration could run any code with \
it. If you know what it does, allow its package: trust=[os]
    """
    found = {
        (key, target, tuple(config["trust"]))
        for config in configs
        for name in BUILT
        if name in config
        for key, target in _targets(name, config[name])
    }
    for key, target, packages in sorted(found):
        _refuse_name(key, target, packages, remedy)
    for key, target, packages in sorted(found):
        _refuse_object(key, target, packages, remedy)


def located(key: str, path: str) -> Any:
    """The object that a target names.

    Raises:
        ConfigError: it can't be imported.
    """
    from hydra.utils import get_object

    try:
        return get_object(path)
    except Exception as error:
        raise ConfigError(f"{key}._target_ = {path!r}: can't be imported ({error}).") from error


def holds_interpolation(value: Any) -> bool:
    """Whether a string somewhere in a resolved value would be read as an interpolation if it were read again.

    Example:
        >>> holds_interpolation({"sizes": [1, "${oc.env:HOME}"]})
        True
    """
    if isinstance(value, Mapping):
        return any(map(holds_interpolation, value.values()))
    if isinstance(value, list | tuple):
        return any(map(holds_interpolation, value))
    return isinstance(value, str) and "${" in value


def _targets(key: str, value: Any) -> Iterator[tuple[str, str]]:
    """Every target in `value`, with the key of the node that has it."""
    if isinstance(value, str) and holds_interpolation(value):
        # Hydra would read it once more while it builds, and what comes of it nobody has seen.
        raise ConfigError(f"{key} = {value!r}: an interpolation can't stand where objects are built from. Resolve it.")
    if isinstance(value, list | tuple):
        for place, item in enumerate(value):
            yield from _targets(f"{key}.{place}", item)
    if not isinstance(value, Mapping):
        return
    if "_target_" in value:
        target = value["_target_"]
        if not isinstance(target, str) or not _DOTTED.fullmatch(target):
            raise ConfigError(f"{key}._target_ = {target!r}: should be package.name.")
        if key.partition(".")[0] == "trainer":
            raise ConfigError(f"{key}._target_ = {target!r}: the trainer takes plain values. Leave it out.")
        yield key, target
    for name, item in value.items():
        yield from _targets(f"{key}.{name}", item)


def _refuse_name(key: str, target: str, packages: Sequence[str], remedy: Remedy) -> None:
    allowed = (*BUILT_IN, *packages)
    if not _within(target, allowed):
        raise ConfigError(
            f"{key}._target_ = {target!r}: is not in {', '.join(allowed[:-1])} or {allowed[-1]}, and a configuration "
            "could run any code with it. If you know what it does, allow its package: "
            f"{remedy([*packages, target.partition('.')[0]])}"
        )


def _refuse_object(key: str, target: str, packages: Sequence[str], remedy: Remedy) -> None:
    what = located(key, target)
    home = str(getattr(what, "__module__", None) or type(what).__module__)
    if _is_building_block(what) or (_within(home, packages) and _within(target, packages)):
        return
    kind = "class" if isclass(what) else type(what).__name__
    more = f", nor of what is written in {', '.join(packages)}" if packages else ""
    raise ConfigError(
        f"{key}._target_ = {target!r}: is a {kind} of {home}, and none of the layers, optimisers, data modules and "
        f"measurements in {', '.join(BUILT_IN)}{more}. If you know what it does, allow both packages: "
        f"{remedy(list(dict.fromkeys([*packages, target.partition('.')[0], home.partition('.')[0]])))}"
    )


def _is_building_block(what: Any) -> bool:
    """Whether it is a class or function that does nothing but what its role is."""
    if not isclass(what):
        return any(what is function for function in _measurements())
    from torch.nn import Module
    from torch.optim import Optimizer

    from simplicity_sweep.data import TensorData

    roles: dict[type, Collection[str]] = {
        Module: ("torch.nn.modules", "simplicity_sweep.nn"),
        Optimizer: ("torch.optim",),
        TensorData: ("simplicity_sweep.data",),
    }
    return any(issubclass(what, role) and _within(what.__module__, homes) for role, homes in roles.items())


@cache
def _measurements() -> tuple[Any, ...]:
    from simplicity_sweep import functional

    return tuple(getattr(functional, name) for name in functional.__all__)


def _within(path: str, packages: Collection[str]) -> bool:
    return any(path == package or path.startswith(f"{package}.") for package in packages)
