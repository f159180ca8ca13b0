"""Which setting of a sweep plays which part in the source study's claims."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from simplicity_sweep.report.results import Results

Role = Literal["relu", "leaky_relu", "tanh", "sigmoid", "deeper", "high_lr"]

HIGH_RATE = 10
"""So many times the base's learning rate, or more, is a high one; the study's is 100 times."""

_LAYERS, _RATE = "depth.hidden_layers", "optim.lr"
_NO_PART = ("seed", "setting")  # parameters that don't say what a network is


def roles(results: Results) -> dict[Role, str]:
    """By role, the setting that plays it; roles that none plays, or more than one might, are left out.

    In `experiment=guan2024`, known by its base's name, a setting's name says its role. Elsewhere its parameters do: it
    differs from the base in nothing but its activation, its depth (the deepest one counts) or its learning rate (the
    highest counts, if it is at least 10 times the base's).

    Example:
        >>> from simplicity_sweep.report.results import Job
        >>> jobs = [
        ...     Job(setting=f"{name}!", seed=0, status="FINISHED", params={"activation": name, "optim.lr": "0.1"})
        ...     for name in ("relu", "tanh", "gelu")
        ... ]
        >>> roles(Results(name="", about={}, base="relu!", jobs=jobs))
        {'relu': 'relu!', 'tanh': 'tanh!'}
    """
    params = {setting: parameters(results, setting) for setting in results.settings}
    found: dict[Role, str | None] = {
        "relu": _activation(results.base, params, "relu"),
        "leaky_relu": _activation(results.base, params, "leaky_relu"),
        "tanh": _activation(results.base, params, "tanh"),
        "sigmoid": _activation(results.base, params, "sigmoid"),
        "deeper": _most(results.base, params, "depth", _LAYERS, lambda value, base: value > base),
        "high_lr": _most(results.base, params, _RATE, _RATE, is_high),
    }
    if results.base == "base":
        named: dict[Role, str] = {role: role for role in found if role in results.settings and role != "relu"}
        if "activation" not in params["base"]:
            named["relu"] = "base"
        found |= named
    return {role: setting for role, setting in found.items() if setting is not None}


def parameters(results: Results, setting: str) -> Mapping[str, str]:
    """What the setting's first job was run with, seeds apart; empty where nothing is recorded."""
    job = next((job for job in results.jobs if job.setting == setting and job.params), None)
    return {name: value for name, value in job.params.items() if name not in _NO_PART} if job else {}


def rate(params: Mapping[str, str]) -> float | None:
    """The learning rate; None where it is not recorded."""
    return _number(params.get(_RATE))


def is_high(value: float, base: float) -> bool:
    """Whether a learning rate is a high one, against the base's.

    Example:
        >>> is_high(0.01, 0.001), is_high(0.005, 0.001)
        (True, False)
    """
    return value >= HIGH_RATE * base * (1 - 1e-9)  # 0.1 is less than 10 · 0.01 by rounding


def _activation(base: str, params: Mapping[str, Mapping[str, str]], name: str) -> str | None:
    matching = [
        setting
        for setting, of in params.items()
        if of.get("activation") == name and _only_differ_in("activation", of, params[base])
    ]
    return base if base in matching else _only(matching)


def _most(
    base: str,
    params: Mapping[str, Mapping[str, str]],
    group: str,
    name: str,
    more: Callable[[float, float], bool],
) -> str | None:
    """The setting with the largest value of a parameter, which alone, or whose group, makes it differ from the base."""
    at_base = _number(params[base].get(name))
    values = {
        setting: value
        for setting, of in params.items()
        if (value := _number(of.get(name))) is not None and _only_differ_in(group, of, params[base])
    }
    matching = {setting: value for setting, value in values.items() if at_base is not None and more(value, at_base)}
    largest = max(matching.values(), default=0.0)
    return _only([setting for setting, value in matching.items() if value == largest])


def _only_differ_in(group: str, params: Mapping[str, str], base: Mapping[str, str]) -> bool:
    """Whether all parameters but a group's, such as `activation` and `activation.omega`, are the base's."""
    others = {name for name in params.keys() | base.keys() if not f"{name}.".startswith(f"{group}.")}
    return all(params.get(name) == base.get(name) for name in others)


def _only(settings: list[str]) -> str | None:
    return settings[0] if len(settings) == 1 else None


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
