"""The source study's claims, as ratios of means that a test can be about."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Literal

from simplicity_sweep.report.findings.roles import Role, parameters, rate, roles
from simplicity_sweep.report.results import Results

MARGIN = 0.05
"""What counts as a change, as a share of the other mean. On MNIST training moves `lz76_path` by a fifth of it, and the
smallest change that the study speaks of, in sensitivity, is a third."""

COLLAPSE = 0.5
"""Of a complexity that has collapsed less than this share is left, counted from a constant sequence's."""

_CONSTANT_SEQUENCE = {"lz76_path": 2.0, "lz76_labels": 2.0, "lz76_errors": 2.0}  # LZ76 has two components from n = 2


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One claim of Guan 2024 (arXiv 2409.16086).

    Attributes:
        name: by which it is known here.
        words: what it says.
        kind: what it speaks of.
        asks: what is tested, in words.
        low: every ratio must be above it; None: may be as small as it likes.
        high: every ratio must be below it; None: may be as large as it likes.
        needs: the roles that it is about.
        of_collapse: it is about networks that die, which therefore stay in, and counts from a constant sequence.
        of_no_change: what doesn't change under a measurement that can't see a change says nothing.
    """

    name: str
    words: str
    kind: Literal["complexity", "sensitivity"]
    asks: str
    low: float | None = None
    high: float | None = None
    needs: tuple[Role, ...] = ()
    of_collapse: bool = False
    of_no_change: bool = False


CLAIMS = (
    Claim(
        name="complexity is constant",
        words="Complexity is about the same in every setting, but where the learning rate is high.",
        kind="complexity",
        asks=f"every mean within {MARGIN * 100:g} % of the base's",
        low=1 - MARGIN,
        high=1 + MARGIN,
        of_no_change=True,
    ),
    Claim(
        name="complexity collapses at a high rate",
        words="At a high learning rate complexity collapses.",
        kind="complexity",
        asks=f"less than {COLLAPSE * 100:g} % of the base's to be left, counted from a constant sequence's",
        high=COLLAPSE,
        needs=("high_lr",),
        of_collapse=True,
    ),
    Claim(
        name="ReLU is more sensitive",
        words="Networks with ReLU or LeakyReLU are more sensitive than those with tanh or sigmoid.",
        kind="sensitivity",
        asks=f"each of the four means to be more than {MARGIN * 100:g} % above the other",
        low=1 + MARGIN,
        needs=("relu", "leaky_relu", "tanh", "sigmoid"),
    ),
    Claim(
        name="depth raises sensitivity",
        words="A deeper network is more sensitive.",
        kind="sensitivity",
        asks=f"a mean more than {MARGIN * 100:g} % above the base's",
        low=1 + MARGIN,
        needs=("deeper",),
    ),
    Claim(
        name="depth does not raise complexity",
        words="A deeper network is not more complex.",
        kind="complexity",
        asks=f"a mean less than {MARGIN * 100:g} % above the base's",
        high=1 + MARGIN,
        needs=("deeper",),
        of_no_change=True,
    ),
)


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What a claim compares in a sweep.

    Attributes:
        settings: each setting, and which it is held against.
        left_out: settings that the claim would be about, and why they aren't compared.
        reason: why there is nothing to compare.
    """

    settings: tuple[tuple[str, str], ...] = ()
    left_out: tuple[str, ...] = ()
    reason: str | None = None


def compared(claim: Claim, results: Results) -> Compared:
    """The settings that a claim compares in a sweep, or why it can't be tested there.

    Example:
        >>> compared(CLAIMS[3], Results(name="", about={}, base="base", jobs=[])).reason
        'no setting of this sweep is known to be: deeper'
    """
    parts = roles(results)
    missing = [role for role in claim.needs if role not in parts]
    if missing:
        return Compared(reason=f"no setting of this sweep is known to be: {', '.join(missing)}")
    if not claim.needs:
        return _all_settings(results, parts.get("high_lr"))
    if claim.name == "ReLU is more sensitive":
        four = product((parts["relu"], parts["leaky_relu"]), (parts["tanh"], parts["sigmoid"]))
        return Compared(settings=tuple(four))
    return Compared(settings=((parts[claim.needs[0]], results.base),))


def constant_sequence(definition: str) -> float:
    """The complexity of a long constant sequence, from which a collapse is counted; 0 where it isn't known.

    For `deflate_logits` it is some hundred bytes in hundred thousands, and 0 will do.
    """
    return _CONSTANT_SEQUENCE.get(definition, 0.0)


def _all_settings(results: Results, high: str | None) -> Compared:
    """Every setting against the base, without high learning rates and without those of which no network lives."""
    left_out: dict[str, str] = {}
    for setting in results.settings[1:]:
        finished = [seed for of, seed in results.finished if of == setting]
        if high is not None and _at_least_as_high(results, setting, high):
            left_out[setting] = "high learning rate"
        elif finished and set(results.degenerate(setting)) == set(finished):
            left_out[setting] = "all networks degenerate"
    kept = [setting for setting in results.settings[1:] if setting not in left_out]
    return Compared(
        settings=tuple((setting, results.base) for setting in kept),
        left_out=tuple(f"{setting} ({why})" for setting, why in left_out.items()),
        reason=None if kept else "no setting is left to compare with the base",
    )


def _at_least_as_high(results: Results, setting: str, high: str) -> bool:
    rates = [rate(parameters(results, of)) for of in (setting, high)]
    return setting == high or (rates[0] is not None and rates[1] is not None and rates[0] >= rates[1])
