"""LZ76 of one sequence through an index of its short words: fast unless long matches crowd one word."""

from __future__ import annotations

from typing import Any

import numpy as np

from simplicity_sweep.functional.kernels.compiled import Array, compiled

_ONE = np.uint64(1)
_WORD = 64
_CACHED = 18  # log2 of the buckets whose counters stay in a processor's second-level cache
_PROBE = 1 << 14  # symbols of a long sequence that show whether its words are crowded
_PATIENCE = 16  # candidates per symbol that are worth trying before sorting the suffixes is better


def lz76_indexed(codes: Array, bits: int) -> int | None:
    """The number of components, or ``None`` where too many positions share their first symbols for this to be fast.

    Args:
        codes: shape ``[n]``, integers below ``2 ** bits``.
        bits: bits of a code, at most 32.
    """
    n = codes.size
    if n > 4 * _PROBE and lz76_indexed(codes[:_PROBE], bits) is None:
        return None
    # NumPy allocates what is large, because it asks the system for large pages: the accesses are scattered.
    text = np.zeros(n * bits // _WORD + 3, np.uint64)
    _pack(codes, bits, text)
    length = _symbols_of_a_word(n, bits)
    starts = np.zeros((1 << length * bits) + 2, np.int32)
    entries = np.empty(max(0, n - length + 1), np.int32)
    _fill_buckets(text, bits, length, starts, entries)
    levels = np.cumsum([0, *(1 << level * bits for level in range(length + 1))])
    firsts = np.full(levels[-1], n, np.int32)
    _fill_firsts(text, n, bits, starts, entries, levels, firsts)
    components = int(_parse(text, n, bits, starts, entries, levels, firsts))
    return None if components < 0 else components


def _symbols_of_a_word(n: int, bits: int) -> int:
    """How many symbols make a word, so that a random sequence has a few positions for each word."""
    wanted = min(n.bit_length() - 2, max(_CACHED, n.bit_length() - 6))
    return max(1, min(-(-wanted // bits), (n.bit_length() + 1) // bits))


@compiled
def _parse(text: Array, n: int, bits: int, starts: Array, entries: Array, levels: Array, firsts: Array) -> int:
    """Find at each component's start the longest earlier match among the positions that share its first symbols.

    Of these candidates the one whose next 64 bits differ least, read as one number, matches longest. ``firsts``
    tells for shorter words whether they have occurred before. Returns −1 where the candidates are too many.
    """
    length = levels.shape[0] - 2
    components = position = spent = 0
    while position < n:
        here = _window(text, position, bits)
        known = min(length, n - position)
        while known > 0 and firsts[levels[known] + _word(here, known * bits)] >= position:
            known -= 1
        if known == length:
            bucket = _word(here, length * bits)
            known, steps = _longest(text, n, bits, position, entries[starts[bucket] : starts[bucket + 1]])
            spent += steps
            if spent > _PATIENCE * (position + known) + 4096:
                return -1
        components += 1
        position += known + 1
    return components


@compiled
def _longest(text: Array, n: int, bits: int, position: int, candidates: Array) -> tuple[int, int]:
    """The length of the longest match of ``position`` with an earlier candidate, and the steps it took to find."""
    here = _window(text, position, bits)
    symbols = _WORD // bits
    least = ~np.uint64(0)
    longest = steps = 0
    for candidate in candidates:
        if candidate >= position:
            break
        steps += 1
        differ = _window(text, candidate, bits) ^ here
        least = min(least, differ)
        if differ == np.uint64(0):
            matched = symbols
            while differ == np.uint64(0) and position + matched < n:
                steps += 1
                differ = _window(text, candidate + matched, bits) ^ _window(text, position + matched, bits)
                matched += symbols if differ == np.uint64(0) else _leading_zeros(differ) // bits
            longest = max(longest, matched)
    if least != np.uint64(0):
        longest = _leading_zeros(least) // bits
    return min(longest, n - position), steps


@compiled
def _pack(codes: Array, bits: int, text: Array) -> None:
    """Write the codes one after another, the first in the highest bits, so that words compare like texts."""
    for position in range(codes.shape[0]):
        word, taken = divmod(position * bits, _WORD)
        beyond = taken + bits - _WORD
        value = np.uint64(codes[position])
        if beyond <= 0:
            text[word] |= value << np.uint64(-beyond)
        else:
            text[word] |= value >> np.uint64(beyond)
            text[word + 1] |= value << np.uint64(_WORD - beyond)


@compiled
def _window(text: Array, position: int, bits: int) -> Any:
    """The 64 bits of the text from a position on."""
    word, taken = divmod(position * bits, _WORD)
    return (text[word] << np.uint64(taken)) | ((text[word + 1] >> _ONE) >> np.uint64(_WORD - 1 - taken))


@compiled
def _word(window: Any, width: int) -> Any:
    """The first ``width`` ≥ 1 bits of a window as a number."""
    return np.int64(window >> np.uint64(_WORD - width))


@compiled
def _leading_zeros(value: np.uint64) -> int:
    """The number of zero bits before the first one; 63 for 0."""
    zeros = 0
    for half in (32, 16, 8, 4, 2, 1):
        if value >> np.uint64(_WORD - half) == np.uint64(0):
            zeros += half
            value = value << np.uint64(half)
    return zeros


@compiled
def _fill_buckets(text: Array, bits: int, length: int, starts: Array, entries: Array) -> None:
    """Sort positions by their word, ascending in each bucket: ``entries[starts[word] : starts[word + 1]]``."""
    width = length * bits
    for position in range(entries.shape[0]):
        starts[_word(_window(text, position, bits), width) + 2] += 1
    for bucket in range(2, starts.shape[0]):
        starts[bucket] += starts[bucket - 1]
    for position in range(entries.shape[0]):
        bucket = _word(_window(text, position, bits), width)
        entries[starts[bucket + 1]] = position
        starts[bucket + 1] += 1


@compiled
def _fill_firsts(text: Array, n: int, bits: int, starts: Array, entries: Array, levels: Array, firsts: Array) -> None:
    """Write where each word of 1 … ``length`` symbols occurs first: at ``firsts[levels[symbols] + word]``."""
    length = levels.shape[0] - 2
    for bucket in range(1 << (length * bits)):
        if starts[bucket] < starts[bucket + 1]:
            firsts[levels[length] + bucket] = entries[starts[bucket]]
    for position in range(entries.shape[0], n):  # too close to the end for a bucket
        for level in range(1, n - position + 1):
            place = levels[level] + _word(_window(text, position, bits), level * bits)
            firsts[place] = min(firsts[place], position)
    for level in range(length - 1, 0, -1):
        for word in range(1 << (level * bits)):
            first = firsts[levels[level] + word]
            for longer in range(word << bits, (word + 1) << bits):
                first = min(first, firsts[levels[level + 1] + longer])
            firsts[levels[level] + word] = first
