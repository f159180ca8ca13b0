"""What a user asks of a setting, in their own words: hard limits, wishes and soft limits."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from difflib import get_close_matches
from itertools import combinations
from types import MappingProxyType
from typing import Literal

from simplicity_sweep.report.decision.bounds import written
from simplicity_sweep.report.results import ReportError

Side = Literal[">=", "<="]

GRAMMAR = """\
decide.require takes hard limits:  NAME >= BOUND  or  NAME <= BOUND
decide.prefer takes wishes and soft limits, each with `weight NUMBER` behind it if it counts other than 1:
    minimise NAME  or  maximise NAME  or  NAME >= BOUND  or  NAME <= BOUND
NAME is a measurement on the test set, such as accuracy or flip_rate, or a word that fits every task: headline (its
accuracy, r2 or macro_f1), change_rate (its flip_rate, bin_change_rate or label_set_change_rate) or jacobian_norm.
BOUND is a number (0.97, 97%) or the best mean of all settings and a distance to it (best - 0.01, best + 0.2%).
On the command line: 'decide.require=["accuracy >= 0.97"]' 'decide.prefer=["minimise flip_rate weight 2"]'"""


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A bound on the mean of a measurement; as text, what a user would type.

    Attributes:
        metric: the measurement, without `test/`.
        side: on which side of the bound its mean must lie; on the bound will do.
        number: the bound, or what is added to the best mean.
        to_best: whether the bound is the best mean of all settings plus `number`: the highest for `>=`, the lowest
            for `<=`.

    Example:
        >>> str(Limit(metric="accuracy", side=">=", number=-0.01, to_best=True))
        'accuracy >= best - 0.01'
    """

    metric: str
    side: Side
    number: float
    to_best: bool = False

    @property
    def sign(self) -> int:
        """1 where more is better, else −1."""
        return 1 if self.side == ">=" else -1

    def moved(self, number: float) -> Limit:
        """The limit with another number."""
        return replace(self, number=number + 0.0)  # no −0

    def __str__(self) -> str:
        if not self.to_best:
            return f"{self.metric} {self.side} {written(self.number)}"
        if self.number == 0:
            return f"{self.metric} {self.side} best"
        return f"{self.metric} {self.side} best {'-' if self.number < 0 else '+'} {written(abs(self.number))}"


@dataclass(frozen=True, kw_only=True)
class Wish:
    """A measurement whose mean should be low, or high."""

    metric: str
    aim: Literal["minimise", "maximise"]
    weight: float = 1.0

    def __str__(self) -> str:
        return f"{self.aim} {self.metric}{_weight(self.weight)}"


@dataclass(frozen=True, kw_only=True)
class SoftLimit:
    """A limit that should be met, or be missed by as little as possible."""

    limit: Limit
    weight: float = 1.0

    @property
    def metric(self) -> str:
        """The measurement."""
        return self.limit.metric

    def __str__(self) -> str:
        return f"{self.limit}{_weight(self.weight)}"


Objective = Wish | SoftLimit
"""What a setting may have more or less of."""


@dataclass(frozen=True)
class Requirements:
    """All that a user asks.

    Attributes:
        require: what a setting must meet to be admissible.
        prefer: what decides between the admissible ones.
    """

    require: tuple[Limit, ...] = ()
    prefer: tuple[Objective, ...] = ()

    @property
    def metrics(self) -> list[str]:
        """The measurements that they are about, each once, in the order of the requirements."""
        return list(dict.fromkeys(requirement.metric for requirement in (*self.require, *self.prefer)))

    def stated(self, metric: str) -> str:
        """The first requirement about a measurement, as text."""
        return next(str(requirement) for requirement in (*self.require, *self.prefer) if requirement.metric == metric)


def parse(
    require: Sequence[str], prefer: Sequence[str], words: Mapping[str, str] = MappingProxyType({})
) -> Requirements:
    """The requirements that some texts state; the grammar is `GRAMMAR`.

    Args:
        require: hard limits.
        prefer: wishes and soft limits.
        words: what may stand for a measurement's name, and for which: see `tasks.Task.words`.

    Spellings: `minimize`, `≥`, `≤`, `test/accuracy` are `minimise`, `>=`, `<=`, `accuracy`. A percentage is so many
    hundredths wherever it stands: `best - 1%` is `best - 0.01`, never a share of the best.

    Raises:
        ReportError: names every text that can't be read, its key, and the grammar.

    Example:
        >>> asked = parse(["accuracy ≥ 97%"], ["minimize test/flip_rate weight 2", "lz76_path >= best - 0.1"])
        >>> [str(limit) for limit in asked.require], [str(objective) for objective in asked.prefer]
        (['accuracy >= 0.97'], ['minimise flip_rate weight 2', 'lz76_path >= best - 0.1'])
    """
    limits: list[Limit] = []
    objectives: list[Objective] = []
    problems: list[str] = []
    for key, text in [*_texts("require", require), *_texts("prefer", prefer)]:
        try:
            objective = _named(_objective(text), words)
            if key.startswith("decide.prefer"):
                objectives.append(objective)
            else:
                limits.append(_hard(objective, text))
        except ReportError as error:
            problems.append(f"{key} = {text!r}: {error}")
    problems += _contradictions(objectives)
    if not require and not prefer:
        problems = ["decide.require and decide.prefer are both empty: nothing is asked for."]
    if problems:
        raise ReportError("\n".join([*problems, GRAMMAR]))
    return Requirements(tuple(limits), tuple(objectives))


def check_measured(requirements: Requirements, measured: Iterable[str]) -> None:
    """Return nothing where every requirement is about something that was, or will be, measured.

    Raises:
        ReportError: names each that is not, the nearest name that is, and all of these.

    Example:
        >>> check_measured(parse(["acuracy >= 0.97"], []), ["accuracy", "flip_rate"])
        Traceback (most recent call last):
        simplicity_sweep.report.results.ReportError: `acuracy >= 0.97`: `acuracy` is not measured; the nearest name is \
`accuracy`. Measured on the test set: accuracy, flip_rate.
    """
    names = list(measured)
    problems = [
        f"`{requirements.stated(metric)}`: `{metric}` is not measured"
        + "".join(f"; the nearest name is `{nearest}`" for nearest in get_close_matches(metric, names, 1, cutoff=0.0))
        for metric in requirements.metrics
        if metric not in names
    ]
    if problems:
        raise ReportError(f"{'. '.join(problems)}. Measured on the test set: {', '.join(names) or 'nothing'}.")


_NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?\s*%?"
_WEIGHT = r"(?:\s+weight\s+(?P<weight>[+-]?[\w.+-]+))?"
_NAME = r"(?:test/)?(?P<metric>[a-z_][\w/]*)"
_BEST = rf"(?P<best>best)(?:\s*(?P<sign>[+-])\s*(?P<distance>{_NUMBER}))?"
_LIMIT = re.compile(rf"{_NAME}\s*(?P<side>>=|<=)\s*(?:{_BEST}|(?P<number>[+-]?{_NUMBER})){_WEIGHT}", re.IGNORECASE)
_WISH = re.compile(rf"(?P<aim>minimi|maximi)[sz]e\s+{_NAME}{_WEIGHT}", re.IGNORECASE)
_SPELLINGS = str.maketrans({"≥": ">=", "≤": "<=", "−": "-"})


def _texts(key: str, texts: object) -> list[tuple[str, str]]:
    if not isinstance(texts, Sequence) or isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
        raise ReportError(f"decide.{key} = {texts!r}: should be a list of texts.\n{GRAMMAR}")
    return [(f"decide.{key}.{number}", text) for number, text in enumerate(texts)]


def _objective(text: str) -> Objective:
    plain = text.translate(_SPELLINGS).strip()
    if found := _WISH.fullmatch(plain):
        aim: Literal["minimise", "maximise"] = "minimise" if found["aim"].lower() == "minimi" else "maximise"
        return Wish(metric=found["metric"], aim=aim, weight=_weight_of(found["weight"]))
    if found := _LIMIT.fullmatch(plain):
        return SoftLimit(limit=_limit(found), weight=_weight_of(found["weight"]))
    raise ReportError("can't be read.")


def _named(objective: Objective, words: Mapping[str, str]) -> Objective:
    """The objective about a measurement's own name."""
    if isinstance(objective, Wish):
        return replace(objective, metric=words.get(objective.metric, objective.metric))
    limit = replace(objective.limit, metric=words.get(objective.metric, objective.metric))
    return replace(objective, limit=limit)


def _limit(found: re.Match[str]) -> Limit:
    side: Side = ">=" if found["side"] == ">=" else "<="
    if not found["best"]:
        return Limit(metric=found["metric"], side=side, number=_number(found["number"]))
    number = _number((found["sign"] or "") + (found["distance"] or "0"))
    limit = Limit(metric=found["metric"], side=side, number=number, to_best=True)
    if limit.sign * limit.number > 0:
        raise ReportError(f"no setting is better than the best; {limit.moved(-number)} can be met.")
    return limit


def _hard(objective: Objective, text: str) -> Limit:
    if isinstance(objective, Wish):
        raise ReportError("a wish, not a hard limit: state it in decide.prefer.")
    if re.search(r"\sweight\s", text, re.IGNORECASE):
        raise ReportError("a hard limit has no weight: leave it out, or state a soft limit in decide.prefer.")
    return objective.limit


def _number(text: str) -> float:
    number = float(text.removesuffix("%"))
    if text.endswith("%"):
        number = float(Decimal(repr(number)) / 100)  # 0.7 / 100 is not 0.007
    if not math.isfinite(number):
        raise ReportError("a number should be finite.")
    return number + 0.0  # no −0


def _weight_of(text: str | None) -> float:
    if text is None:
        return 1.0
    if not re.fullmatch(_NUMBER, text, re.IGNORECASE) or _number(text) == 0:
        raise ReportError(f"a weight should be a number above 0, not {text}; what does not count is left out.")
    return _number(text)


def _weight(weight: float) -> str:
    return "" if weight == 1 else f" weight {written(weight)}"


def _contradictions(objectives: Sequence[Objective]) -> list[str]:
    wishes = [objective for objective in objectives if isinstance(objective, Wish)]
    return [
        f"decide.prefer holds `{one}` and `{other}`: state one wish for `{one.metric}`."
        for one, other in combinations(wishes, 2)
        if one.metric == other.metric
    ]
