"""The Lempel–Ziv parses compiled by numba; imported on first use, compiled once and kept on disk.

Every kernel releases the interpreter's lock and starts no thread of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt
from numba import njit

Array = npt.NDArray[Any]
_Function = TypeVar("_Function", bound=Callable[..., Any])


def _compiled(function: _Function) -> _Function:
    """The function, compiled when it is first called, or read from the cache that an earlier process left."""
    return cast(_Function, njit(cache=True, nogil=True)(function))


LANES = 64  # rows that go through the same steps together, in vector registers
_ONE = np.uint64(1)
_NONE = np.uint64(0)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


@_compiled
def lz76_rows(codes: Array, planes: int, out: Array) -> None:
    """Writes the components of every row of ``codes`` (uint8, ``[R, n]``) to ``out`` (int64, ``[R]``).

    The algorithm is that of :func:`simplicity_sweep.functional.lempel_ziv_portable.lz76_chunk`.
    """
    rows, n = codes.shape
    words = (n + 63) >> 6
    columns = np.zeros((n, LANES), np.uint8)
    history = np.empty((words, planes, LANES), np.uint64)
    agree = np.empty((words, LANES), np.uint64)
    alive = np.empty(LANES, np.uint64)
    carry = np.empty(LANES, np.uint64)
    counts = np.empty(LANES, np.int64)
    for first in range(0, rows, LANES):
        taken = min(LANES, rows - first)
        for lane in range(taken):
            for position in range(n):
                columns[position, lane] = codes[first + lane, position]
        history[:] = _NONE
        agree[:] = _NONE
        counts[:] = 0
        for position in range(n):
            used = (position + 63) >> 6
            alive[:] = _NONE
            for word in range(used):
                exist = position - (word << 6)  # lags of this word that a component starting here has
                mask = _ALL if exist >= 64 else (_ONE << np.uint64(exist)) - _ONE
                _narrow(history[word], columns[position], agree[word], alive, mask)
            for lane in range(LANES):
                counts[lane] += 1 if alive[lane] == _NONE else 0
            for word in range((position >> 6) + 1):
                for lane in range(LANES):
                    agree[word, lane] = agree[word, lane] if alive[lane] != _NONE else _ALL
            for plane in range(planes):
                shift = np.uint8(plane)
                for lane in range(LANES):
                    carry[lane] = np.uint64((columns[position, lane] >> shift) & np.uint8(1))
                for word in range((position >> 6) + 1):
                    _shift_in(history[word, plane], carry)
        for lane in range(taken):
            out[first + lane] = counts[lane] + (1 if alive[lane] != _NONE else 0)


@_compiled
def _narrow(history: Array, symbols: Array, agree: Array, alive: Array, mask: np.uint64) -> None:
    """Keep in ``agree`` the lags at which the symbol is the present one, and in ``alive`` who has some."""
    for lane in range(LANES):
        agree[lane] &= mask
    for plane in range(history.shape[0]):
        shift = np.uint8(plane)
        for lane in range(LANES):
            bit = np.uint64((symbols[lane] >> shift) & np.uint8(1))
            agree[lane] &= history[plane, lane] ^ (bit - _ONE)
    for lane in range(LANES):
        alive[lane] |= agree[lane]


@_compiled
def _shift_in(history: Array, carry: Array) -> None:
    """Age one word of the history by a symbol: ``carry`` comes in, and turns into what leaves."""
    for lane in range(LANES):
        leaving = history[lane] >> np.uint64(63)
        history[lane] = (history[lane] << _ONE) | carry[lane]
        carry[lane] = leaving


@_compiled
def lz76_one(codes: Array, distinct: int) -> int:
    """The number of components of ``codes`` (int64, ``[n]``), by a suffix automaton: O(n) for any input."""
    n = codes.shape[0]
    moves = np.zeros((2 * n + 1, distinct), np.int32)  # 0, the initial state, is never moved to
    links = np.zeros(2 * n + 1, np.int32)
    lengths = np.zeros(2 * n + 1, np.int32)
    links[0] = -1
    states = 1
    last = state = matched = components = 0
    for position in range(n):
        symbol = codes[position]
        following = moves[state, symbol]
        if following == 0:
            components += 1
            state = matched = 0
        else:
            state = following
            matched += 1
        new = states
        states += 1
        lengths[new] = position + 1
        walk = last
        while walk >= 0 and moves[walk, symbol] == 0:
            moves[walk, symbol] = new
            walk = links[walk]
        if walk >= 0:
            target = moves[walk, symbol]
            if lengths[target] == lengths[walk] + 1:
                links[new] = target
            else:
                clone = states
                states += 1
                moves[clone] = moves[target]
                links[clone] = links[target]
                lengths[clone] = lengths[walk] + 1
                while walk >= 0 and moves[walk, symbol] == target:
                    moves[walk, symbol] = clone
                    walk = links[walk]
                links[target] = clone
                links[new] = clone
        last = new
        while state > 0 and matched <= lengths[links[state]]:
            state = links[state]
    return components + (1 if matched > 0 else 0)


@_compiled
def lz78_one(codes: Array, distinct: int) -> int:
    """The number of phrases of ``codes`` (int64, ``[n]``), the incomplete last one included."""
    children = np.zeros((codes.shape[0] + 1, distinct), np.int32)
    phrases = phrase = 0
    for position in range(codes.shape[0]):
        symbol = codes[position]
        longer = children[phrase, symbol]
        if longer == 0:
            phrases += 1
            children[phrase, symbol] = phrases
            phrase = 0
        else:
            phrase = longer
    return phrases + (1 if phrase > 0 else 0)
