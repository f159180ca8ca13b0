"""What makes two runs the same: everything in their configurations that decides their results."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

PERCEPTRON = {"_target_": "simplicity_sweep.nn.MLP", "_partial_": True}
"""The group `model` of every run from before there was that group. It is left out of the hash, so that such a run is
still the same as one of today."""

_WITHOUT_EFFECT = {"tracking", "resume", "on_error", "report", "decide", "trust", "search"}
_SHOWN = {"enable_progress_bar", "enable_model_summary", "default_root_dir"}
_PLACES = {"root", "resident"}


def decides_result(override: str) -> bool:
    """Whether an override of the command line is of a key that decides a run's result.

    Example:
        >>> decides_result("optim.lr=0.1"), decides_result("tracking.experiment=mine"), decides_result("resume=true")
        (True, False, False)
    """
    return re.split(r"[.=@]", override.lstrip("+~"))[0] not in _WITHOUT_EFFECT


def result_hash(config: Mapping[str, Any]) -> str:
    """`config_hash` of what decides a run's result: where its data lie, on a disk or in memory, where it is recorded,
    what it shows in the terminal and what is done with a sweep's results are left out. So is the group `model` where it
    is `PERCEPTRON`.

    Args:
        config: resolved, without Hydra's own node.

    Example:
        >>> run = {"seed": 0, "data": {"root": "/a"}, "trainer": {"max_epochs": 3}, "resume": False}
        >>> result_hash(run) == result_hash(run | {"data": {"root": "/b"}, "resume": True})
        True
        >>> result_hash(run) == result_hash(run | {"seed": 1})
        False
        >>> result_hash(run) == result_hash(run | {"model": PERCEPTRON})
        True
    """
    decisive = {key: value for key, value in config.items() if key not in _WITHOUT_EFFECT}
    if decisive.get("model") == PERCEPTRON:
        del decisive["model"]
    decisive["trainer"] = _without(config["trainer"], _SHOWN)
    decisive["data"] = _without(config["data"], _PLACES)
    return config_hash(decisive)


def config_hash(config: Mapping[str, Any]) -> str:
    """12 hexadecimal digits that tell a resolved configuration from others, whatever the order of its keys.

    They are the first 48 bits of SHA-256 of the configuration as JSON, keys sorted, without white space.

    Example:
        >>> config_hash({"seed": 0, "optim": {"lr": 0.1}}) == config_hash({"optim": {"lr": 0.1}, "seed": 0})
        True
        >>> config_hash({})
        '44136fa355b3'
    """
    text = json.dumps(config, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _without(group: Mapping[str, Any], keys: set[str]) -> dict[str, Any]:
    return {key: value for key, value in group.items() if key not in keys}
