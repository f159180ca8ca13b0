"""How to measure: what the command line says, and for the rest a checkpoint's run or the defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from simplicity_sweep.config import ConfigError, check
from simplicity_sweep.preflight import resolve
from simplicity_sweep.resolvers import project_folder, register
from simplicity_sweep.tasks import TASKS
from simplicity_sweep.trust import refuse_untrusted

_READ = ("data", "measure", "measurement", "seed", "tracking", "trainer", "trainer.accelerator")
_NETWORK = ("model", "activation", "depth", "optim", "task")


def configured(
    overrides: Sequence[str],
    subject: str,
    saved: Mapping[str, Any] | None,
    npz: Path | None,
    trust: Sequence[str] = (),
) -> dict[str, Any]:
    """The resolved, checked configuration.

    Args:
        overrides: Hydra's.
        subject: the network's name, for messages.
        saved: the configuration of the checkpoint's run, if it is one. It is taken where the overrides say nothing
            else: data set, seed and measurements, unless the run took none.
        npz: a file to measure on instead of a data set of ours.
        trust: packages whose code the configuration may name, beside those of `trust.BUILT_IN`. Where it is a
            checkpoint's in part, the user's own `trust` is not for it.

    Raises:
        ConfigError: an override is of a key that nobody reads here, its value is out of range, or the configuration
            names code that is not allowed.
        HydraException: it can't be read, or there is no such choice.
    """
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    for override in parsed:
        _refuse_unread(override, subject, npz)
    register()
    # Which measurements an option of `measure` holds depends on the task.
    task = [] if saved is None else [f"task={_task(saved, subject)}"]
    with initialize_config_dir(str(project_folder() / "conf"), version_base="1.3"):
        config = compose("config", [*task, *overrides])
    if saved is not None:
        try:
            _take_over(config, saved, parsed)
        except OmegaConfBaseException as error:  # of a value that no run writes, such as a tensor
            raise ConfigError(f"{subject} holds a configuration that can't be read: {error}") from error
        config.trust = []
    config.trust = [*config.trust, *trust]
    resolved = resolve(config)
    check(resolved)
    refuse_untrusted([resolved], remedy=lambda packages: " ".join(f"--trust {package}" for package in packages))
    return resolved


def _task(saved: Mapping[str, Any], subject: str) -> str:
    name = saved["task"].get("name") if isinstance(saved["task"], Mapping) else None
    if name not in TASKS:
        raise ConfigError(f"{subject} is of task={name!r}; there are {', '.join(TASKS)}.")
    return str(name)


def _refuse_unread(override: Override, subject: str, npz: Path | None) -> None:
    key = override.key_or_group
    group = key.partition(".")[0].partition("/")[0]
    if group == "task":
        raise ConfigError(
            f"{override.input_line}: a checkpoint is measured in the task of its run, and what a function returns as a "
            "network that classifies. Leave task out."
        )
    if group in _NETWORK:
        raise ConfigError(f"{override.input_line}: the network is that of {subject}. Leave {group} out.")
    if group not in _READ or (group == "trainer" and key not in _READ):
        raise ConfigError(
            f"{override.input_line}: nobody reads {key} here. What concerns measuring: data, measure, seed, tracking "
            "and trainer.accelerator; see --help."
        )
    if group == "data" and npz is not None:
        raise ConfigError(f"{override.input_line}: the inputs are those of --npz {npz}. Leave one of the two out.")


def _take_over(config: DictConfig, saved: Mapping[str, Any], parsed: Sequence[Override]) -> None:
    """Puts the run's own values in place of the defaults, and the overrides' values in place of those."""
    chosen = {"measure" if it.key_or_group == "measurement" else it.key_or_group for it in parsed}
    with open_dict(config):
        config.update({key: saved[key] for key in _NETWORK})
        if "data" not in chosen:
            config.data = saved["data"]
        if "measure" not in chosen and saved["measure"]["measurements"]:
            # A run of an earlier version may lack a key that there is by now.
            config.measure = {**config.measure, **saved["measure"], "probe": _probes(config.measure.probe, saved)}
        config.seed = saved["seed"]
        for override in parsed:
            parent, _, last = override.key_or_group.rpartition(".")
            if parent and override.is_delete():
                OmegaConf.select(config, parent).pop(last, None)
            elif parent or last == "seed":
                OmegaConf.update(config, override.key_or_group, override.value())


def _probes(now: DictConfig, saved: Mapping[str, Any]) -> dict[str, Any]:
    return {stage: {**now[stage], **saved["measure"]["probe"].get(stage, {})} for stage in ("val", "test")}
