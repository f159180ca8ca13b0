"""LZ76 of one sequence through an index of its short words: fast unless long matches crowd one word."""

from __future__ import annotations

from typing import Any

import numpy as np

from simplicity_sweep.functional.kernels.compiled import Array, compiled

_ONE = np.uint64(1)
_WORD = 64
_CROWD = 16  # positions that share a word of a random sequence, at most
_ROOM = 8  # words that the index has room for, per symbol
_PATIENCE = 16  # steps per symbol that are worth taking before sorting the suffixes is better
_LEAST = 4096  # steps that are worth taking in any case


def lz76_indexed(codes: Array, distinct: int) -> int | None:
    """The number of components, or ``None`` where too many positions share their first symbols for this to be fast.

    Args:
        codes: shape ``[n]``, n ≥ 1, integers in ``0 … distinct-1``.
        distinct: upper bound of the codes, at most ``2 ** 32``.
    """
    n, alphabet = codes.size, max(2, distinct)
    bits = (alphabet - 1).bit_length()
    length = _symbols_of_a_word(n, alphabet)
    # NumPy allocates what is large, because it asks the system for large pages: the accesses are scattered.
    text = np.empty(n * bits // _WORD + 2, np.uint64)
    starts = np.zeros(alphabet**length + 2, np.int32)
    entries = np.empty(n, np.int32)
    firsts = np.empty((alphabet**length - 1) // (alphabet - 1), np.int32)
    components: int = _fill_and_parse(codes, text, bits, alphabet, length, starts, entries, firsts)
    return None if components < 0 else components


def _symbols_of_a_word(n: int, alphabet: int) -> int:
    """How many symbols make a word, so that a random sequence has a few positions for each word."""
    length, words = 1, alphabet
    while words * _CROWD < n and words * alphabet <= n * _ROOM:
        length, words = length + 1, words * alphabet
    return length


@compiled
def _fill_and_parse(
    codes: Array, text: Array, bits: int, alphabet: int, length: int, starts: Array, entries: Array, firsts: Array
) -> int:
    """One call from Python, whose price a short sequence would feel."""
    _pack(codes, bits, text)
    _fill_buckets(codes, alphabet, length, starts, entries)
    _fill_firsts(alphabet, codes.shape[0], starts, entries, firsts)
    return _parse(codes, text, bits, alphabet, length, starts, entries, firsts)


@compiled
def _parse(
    codes: Array, text: Array, bits: int, alphabet: int, length: int, starts: Array, entries: Array, firsts: Array
) -> int:
    """Find at each component's start the longest match with the earlier positions that share its first symbols.

    The sequence is read as if zeros followed it, and matches are cut at its end. Returns −1 where the candidates are
    too many.
    """
    n = codes.shape[0]
    components = position = spent = 0
    while position < n:
        word = _word(codes, position, alphabet, length)
        candidates = entries[starts[word] : starts[word + 1]]
        if candidates[0] < position:
            allowed = _PATIENCE * position + _LEAST - spent
            known, steps = _longest(text, n, bits, position, candidates, allowed)
            if known < 0:
                return -1
            spent += steps
        else:
            known = _longest_shorter(word, position, alphabet, length, firsts)
        components += 1
        position += min(known, n - position) + 1
    return components


@compiled
def _longest_shorter(word: int, position: int, alphabet: int, length: int, firsts: Array) -> int:
    """How many of the first symbols of a word have occurred together before a position, where all have not."""
    node = firsts.shape[0] + word
    for known in range(length - 1, 0, -1):
        node = (node - 1) // alphabet
        if firsts[node] < position:
            return known
    return 0


@compiled
def _longest(text: Array, n: int, bits: int, position: int, candidates: Array, allowed: int) -> tuple[int, int]:
    """The length of the longest match of ``position`` with an earlier candidate, and the steps it took to find.

    The one whose next 64 bits differ least, read as one number, matches longest. The length is −1 where more steps are
    needed than are allowed, and a few for each symbol that matches: without that, ``aaa…abaaa…a`` would take a number
    of steps that grows with the square of its length.
    """
    here = _window(text, position * bits)
    symbols = _WORD // bits
    least = ~np.uint64(0)
    longest = steps = 0
    for candidate in candidates:
        if candidate >= position:
            break
        if steps > allowed + _PATIENCE * longest:
            return -1, steps
        steps += 1
        differ = _window(text, candidate * bits) ^ here
        least = min(least, differ)
        if differ == np.uint64(0):
            matched = symbols
            while differ == np.uint64(0) and position + matched < n:
                steps += 1
                differ = _window(text, (candidate + matched) * bits) ^ _window(text, (position + matched) * bits)
                matched += symbols if differ == np.uint64(0) else _leading_zeros(differ) // bits
            longest = max(longest, matched)
    if least != np.uint64(0):
        longest = _leading_zeros(least) // bits
    return min(longest, n - position), steps


@compiled
def _pack(codes: Array, bits: int, text: Array) -> None:
    """Write the codes one after another, the first in the highest bits, so that words compare like texts."""
    word, taken, filling = 0, 0, np.uint64(0)
    for position in range(codes.shape[0]):
        code = np.uint64(codes[position])
        beyond = taken + bits - _WORD
        if beyond < 0:
            filling |= code << np.uint64(-beyond)
            taken += bits
        else:
            text[word] = filling | (code >> np.uint64(beyond))
            filling = (code << _ONE) << np.uint64(_WORD - 1 - beyond)
            word, taken = word + 1, beyond
    text[word] = filling
    text[word + 1 :] = np.uint64(0)


@compiled
def _window(text: Array, start: int) -> Any:
    """The 64 bits of the text from one of them on."""
    word, taken = start >> 6, np.uint64(start & (_WORD - 1))
    return (text[word] << taken) | ((text[word + 1] >> _ONE) >> (np.uint64(_WORD - 1) - taken))


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
def _word(codes: Array, position: int, alphabet: int, length: int) -> int:
    """The symbols from a position on as a number to the base ``alphabet``."""
    word = 0
    for place in range(position, position + length):
        word = word * alphabet + (int(codes[place]) if place < codes.shape[0] else 0)
    return word


@compiled
def _fill_buckets(codes: Array, alphabet: int, length: int, starts: Array, entries: Array) -> None:
    """Sort positions by their word, ascending in each bucket: ``entries[starts[word] : starts[word + 1]]``."""
    n, words = codes.shape[0], starts.shape[0] - 2
    word = _word(codes, 0, alphabet, length)
    for position in range(n):
        starts[word + 2] += 1
        word = _next(word, codes, position, alphabet, length, words)
    for bucket in range(2, starts.shape[0]):
        starts[bucket] += starts[bucket - 1]
    word = _word(codes, 0, alphabet, length)
    for position in range(n):
        entries[starts[word + 1]] = position
        starts[word + 1] += 1
        word = _next(word, codes, position, alphabet, length, words)


@compiled
def _next(word: int, codes: Array, position: int, alphabet: int, length: int, words: int) -> int:
    """The word at the next position."""
    coming = int(codes[position + length]) if position + length < codes.shape[0] else 0
    return word * alphabet + coming - int(codes[position]) * words


@compiled
def _fill_firsts(alphabet: int, n: int, starts: Array, entries: Array, firsts: Array) -> None:
    """Write where each shorter word occurs first, ``n`` for nowhere.

    They are the inner nodes of the tree whose leaves are the words: node ``v`` has the parent ``(v - 1) // alphabet``.
    """
    inner = firsts.shape[0]
    for node in range(inner - 1, -1, -1):
        first = n
        for child in range(node * alphabet + 1, (node + 1) * alphabet + 1):
            if child < inner:
                first = min(first, firsts[child])
            elif starts[child - inner] < starts[child - inner + 1]:
                first = min(first, entries[starts[child - inner]])
        firsts[node] = first
