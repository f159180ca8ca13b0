"""What a search may choose from, in the words of the command line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from hydra.errors import HydraException
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from simplicity_sweep.config import ConfigError

SEED = "seed"

_HOW = "Write e.g. 'tag(log, interval(1e-4, 1e-1))', int(interval(1, 8)), range(0, 1, 0.25) or relu,tanh."


@dataclass(frozen=True)
class Space:
    """All settings that a search may try.

    Attributes:
        words: by key, the override that every job has; None where the search chooses. In the command's order.
        distributions: by key, what the search chooses from.
        replicates: the overrides of one setting's jobs beside their setting: `[["seed=0"], ["seed=1"]]` where seeds are
            swept, else `[[]]`.
    """

    words: Mapping[str, str | None]
    distributions: Mapping[str, BaseDistribution]
    replicates: Sequence[Sequence[str]]

    @classmethod
    def of(cls, overrides: Iterable[Override]) -> Space:
        """The space that some overrides describe; of two with one key the later one counts.

        A choice (`relu,tanh`, `choice(…)`, `glob(…)`, a shuffled range) becomes a categorical distribution, a range the
        values that Hydra would enumerate, `interval(…)` everything between its ends, `int(interval(…))` whole
        numbers. `tag(log, …)` spreads evenly over the orders of magnitude. Several seeds are no hyperparameter: each
        setting is trained with all of them.

        Raises:
            ConfigError: nothing is left to choose, or a distribution is impossible.
        """
        words: dict[str, str | None] = {}
        distributions: dict[str, BaseDistribution] = {}
        replicates: list[list[str]] = [[]]
        for override in overrides:
            key = override.get_key_element()
            words.pop(key, None)
            distributions.pop(key, None)
            if key == SEED:
                replicates = _replicates(override)
            elif override.is_sweep_override():
                words[key], distributions[key] = None, _distribution(override)
            else:
                words[key] = override.input_line
        if not distributions:
            raise ConfigError(f"hydra/sweeper=optuna: no override leaves anything to choose. {_HOW}")
        return cls(words, distributions, replicates)

    def setting(self, params: Mapping[str, Any]) -> list[str]:
        """The overrides of a setting, its seed left out.

        Args:
            params: what was chosen, by key.
        """
        return [f"{key}={params[key]}" if word is None else word for key, word in self.words.items()]

    def jobs(self, params: Mapping[str, Any]) -> list[list[str]]:
        """The overrides of each of a setting's jobs."""
        setting = self.setting(params)
        return [[*setting, *replicate] for replicate in self.replicates]

    def corners(self) -> list[dict[str, Any]]:
        """Settings that hold each choice and each end of an interval at least once, to be checked beforehand."""
        ends = {key: _ends(distribution) for key, distribution in self.distributions.items()}
        first = {key: of[0] for key, of in ends.items()}
        return [first, *({**first, key: end} for key, of in ends.items() for end in of[1:])]

    def understood(self, words: Mapping[str, str]) -> dict[str, Any] | None:
        """The values that some texts stand for; None if a key is missing or a value lies outside the space.

        Args:
            words: by key, a value as it stands behind the `=` of an override.
        """
        found: dict[str, Any] = {}
        for key, distribution in self.distributions.items():
            value = _value(distribution, words.get(key))
            if value is None or not distribution._contains(distribution.to_internal_repr(value)):
                return None
            found[key] = value
        return found

    def described(self) -> dict[str, str]:
        """The distributions as texts, by key: equal for equal spaces."""
        return {key: repr(distribution) for key, distribution in self.distributions.items()}


def _replicates(override: Override) -> list[list[str]]:
    if override.is_interval_sweep():
        raise ConfigError(f"{override.input_line}: seeds are no hyperparameter. Name them: seed=0,1,2 or seed=range(3)")
    if not override.is_sweep_override():
        return [[str(override.input_line)]]
    return [[f"{SEED}={seed}"] for seed in override.sweep_string_iterator()]


def _distribution(override: Override) -> BaseDistribution:
    value: Any = override.value()
    try:
        if isinstance(value, IntervalSweep):
            return _interval(value)
        if isinstance(value, RangeSweep) and not value.shuffle:
            return _range(value, list(override.sweep_iterator()))
        choices = dict.fromkeys(override.sweep_string_iterator())
        return CategoricalDistribution(sorted(choices) if getattr(value, "shuffle", False) else list(choices))
    except (ValueError, HydraException) as error:
        raise ConfigError(f"{override.input_line}: {error} {_HOW}") from error


def _interval(value: IntervalSweep) -> BaseDistribution:
    assert value.start is not None
    assert value.end is not None
    if isinstance(value.start, int) and isinstance(value.end, int):
        return IntDistribution(value.start, value.end, log=_is_log(value.tags))
    return FloatDistribution(float(value.start), float(value.end), log=_is_log(value.tags))


def _range(value: RangeSweep, values: Sequence[Any]) -> BaseDistribution:
    low, high = min(values), max(values)
    step = abs(value.step)
    if all(isinstance(one, int) for one in values):
        return IntDistribution(low, high, step=int(step), log=_is_log(value.tags))
    if _is_log(value.tags):
        raise ValueError("A range with steps has no logarithm; take an interval.")
    return FloatDistribution(float(low), float(high), step=float(step))


def _is_log(tags: Iterable[str]) -> bool:
    if unknown := sorted(set(tags) - {"log"}):
        raise ValueError(f"tag {unknown[0]} means nothing here; `log` is the only one that does.")
    return "log" in tags


def _ends(distribution: BaseDistribution) -> list[Any]:
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    return list(dict.fromkeys([distribution.low, distribution.high]))


def _value(distribution: BaseDistribution, word: str | None) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        return word if word in distribution.choices else None
    try:
        return None if word is None else (int if isinstance(distribution, IntDistribution) else float)(word)
    except ValueError:
        return None
