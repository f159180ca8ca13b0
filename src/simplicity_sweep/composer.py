"""Composing the configurations of a sweep's jobs, fast."""

from __future__ import annotations

import pickle
from collections import defaultdict
from collections.abc import Sequence

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf


class Composer:
    """Composes what Hydra composes for a job of a sweep, ten times faster.

    Hydra reads and merges every file again for each job. Here that is done once for each choice of groups; a job's
    plain values are then set in a copy, by Hydra's own code. Overrides of a rarer kind (`+`, `++`, `~`, packages,
    Hydra's own keys) go Hydra's way.

    Args:
        loader: Hydra's.
        master: the sweep's configuration.
    """

    def __init__(self, loader: ConfigLoader, master: DictConfig) -> None:
        self._loader = loader
        self._master = master
        self._parser = OverridesParser.create()
        self._bases: dict[tuple[str, ...], bytes] = {}
        self._kept: defaultdict[tuple[str, ...], list[DictConfig]] = defaultdict(list)

    def keep(self, overrides: Sequence[str]) -> DictConfig:
        """What `compose` gives, and the next call of `compose` with the same overrides gives the same object."""
        config = self._compose(overrides)
        self._kept[tuple(overrides)].append(config)
        return config

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """The configuration of the job with these overrides, Hydra's node included; nobody else's."""
        kept = self._kept.get(tuple(overrides))
        if not kept:
            return self._compose(overrides)
        config = kept.pop()
        # What the sweep has drawn since, such as the name of its folder, is the job's too.
        OmegaConf.copy_cache(from_config=self._master, to_config=config)
        return config

    def _compose(self, overrides: Sequence[str]) -> DictConfig:
        parsed = self._parser.parse_overrides(list(overrides))
        if any(map(_is_rare, parsed)) or not isinstance(self._loader, ConfigLoaderImpl):
            return self._loader.load_sweep_config(self._master, list(overrides))
        groups = [override for override in parsed if self._loader.repository.group_exists(override.key_or_group)]
        key = tuple(override.input_line or "" for override in groups)
        if key not in self._bases:
            # Unpickling is a tenth of the work of copying a configuration node by node.
            self._bases[key] = pickle.dumps(self._loader.load_sweep_config(self._master, list(key)))
        config: DictConfig = pickle.loads(self._bases[key])
        ConfigLoaderImpl._apply_overrides_to_config([o for o in parsed if o not in groups], config)
        self._tell_job(config, parsed)
        OmegaConf.copy_cache(from_config=self._master, to_config=config)
        return config

    def _tell_job(self, config: DictConfig, parsed: list[Override]) -> None:
        job, style = config.hydra.job, config.hydra.job.config.override_dirname
        config.hydra.overrides.task = [override.input_line for override in parsed]
        job.override_dirname = get_overrides_dirname(
            overrides=parsed, kv_sep=style.kv_sep, item_sep=style.item_sep, exclude_keys=style.exclude_keys
        )


def _is_rare(override: Override) -> bool:
    return (
        override.is_hydra_override()
        or override.is_delete()
        or override.is_add()
        or override.is_force_add()
        or override.package is not None
    )
