"""The definitions, word for word and as slow as they read."""

from __future__ import annotations

import math
from collections.abc import Sequence


def lz76_by_definition(sequence: Sequence[object]) -> int:
    """From position l, the shortest s[l:h] that does not occur in s[:h-1]; a last, incomplete component counts."""
    s, start, components = tuple(sequence), 0, 0
    while start < len(s):
        end = start + 1
        while end <= len(s) and occurs(s[start:end], s[: end - 1]):
            end += 1
        components, start = components + 1, end
    return components


def lz78_by_definition(sequence: Sequence[object]) -> int:
    """The shortest prefix of the rest that is no earlier phrase; an incomplete last phrase counts."""
    phrases: set[tuple[object, ...]] = set()
    phrase: tuple[object, ...] = ()
    for symbol in sequence:
        phrase += (symbol,)
        if phrase not in phrases:
            phrases.add(phrase)
            phrase = ()
    return len(phrases) + bool(phrase)


def lz_dcl_by_definition(sequence: Sequence[object]) -> float:
    if len(set(sequence)) < 2:
        return math.log2(len(sequence)) if sequence else 0.0
    both = lz76_by_definition(sequence) + lz76_by_definition(sequence[::-1])
    return math.log2(len(sequence)) * both / 2


def occurs(word: tuple[object, ...], text: tuple[object, ...]) -> bool:
    return any(text[i : i + len(word)] == word for i in range(len(text) - len(word) + 1))
