"""LZ76 of many short sequences at once, in the lanes of vector registers."""

from __future__ import annotations

import numpy as np

from simplicity_sweep.functional.kernels.compiled import Array, compiled

LANES = 128  # rows that take the same steps together; their state fits a first-level cache
WIDE = -1
"""What a row gets whose block holds symbols too far apart for 8 bits."""

_NONE = np.uint64(0)
_ONE = np.uint64(1)
_ALL = ~_NONE
_WORD = 64


@compiled
def lz76_rows(sequences: Array, out: Array) -> None:
    """Writes the number of components of every row of ``sequences``, ``[R, n]`` with n ≥ 1, to ``out``, int64 ``[R]``.

    The algorithm is that of :func:`simplicity_sweep.functional.lempel_ziv_portable.lz76_chunk`, 128 rows at a time.
    """
    rows, n = sequences.shape
    words = (n + _WORD - 1) // _WORD
    codes = np.zeros((LANES, words * _WORD), np.uint8)
    packed = np.zeros((8, words + 2, LANES), np.uint64)
    for first in range(0, rows, LANES):
        planes = _narrow(sequences[first : first + LANES], codes)
        if planes > 8:
            out[first : first + LANES] = WIDE
        else:
            _pack(codes, packed[:planes])
            if planes == 1 and words <= 2:
                _parse_short_binary(packed[0], n, out[first : first + LANES])
            else:
                _parse(packed[:planes], n, out[first : first + LANES])


@compiled
def _narrow(block: Array, codes: Array) -> int:
    """Write the symbols, less the smallest, as 8-bit codes; returns how many bits they take, 9 for more than 8."""
    low, high = block[0, 0], block[0, 0]
    for row in range(block.shape[0]):
        for position in range(block.shape[1]):
            low = min(low, block[row, position])
            high = max(high, block[row, position])
    if np.uint64(high) - np.uint64(low) > np.uint64(255):
        return 9
    for row in range(block.shape[0]):
        for position in range(block.shape[1]):
            codes[row, position] = block[row, position] - low
    planes = 1
    while (high - low) >> planes:
        planes += 1
    return planes


@compiled
def _pack(codes: Array, packed: Array) -> None:
    """Write the codes bit by bit to ``packed[plane, 2 + word, row]``, the first symbol in a word's highest bit."""
    for plane in range(packed.shape[0]):
        for word in range(packed.shape[1] - 2):
            for lane in range(LANES):
                filling = _NONE
                for place in range(_WORD):
                    bit = (codes[lane, word * _WORD + place] >> np.uint8(plane)) & np.uint8(1)
                    filling |= np.uint64(bit) << np.uint64(_WORD - 1 - place)
                packed[plane, word + 2, lane] = filling


@compiled
def _parse(packed: Array, n: int, out: Array) -> None:
    """All loops over lanes are innermost and free of branches, which is what makes them vector instructions."""
    planes, words = packed.shape[0], packed.shape[1] - 2
    agree = np.zeros((words, LANES), np.uint64)  # lags at which the present component still has occurred
    some = np.zeros(LANES, np.uint64)  # not 0 in lanes where there is such a lag
    ended = np.full(LANES, _ALL)  # all ones in lanes whose component has ended
    counts = np.ones(LANES, np.uint64)
    for position in range(1, n):
        last, taken = position // _WORD, np.uint64(position % _WORD)
        left = np.uint64(_WORD - 1) - taken
        for word in range((position + _WORD - 1) // _WORD):  # for the lags that exist: 1 … position
            exist = (_ONE << taken) - _ONE if word == last else _ALL
            for lane in range(LANES):
                agree[word, lane] = (agree[word, lane] | ended[lane]) & exist
            for plane in range(planes):
                for lane in range(LANES):
                    before, after = packed[plane, last - word + 1, lane], packed[plane, last - word + 2, lane]
                    symbols = (before << taken) | ((after >> _ONE) >> left)  # at lag 1, 2, … of this word
                    symbol = (packed[plane, last + 2, lane] >> left) & _ONE
                    agree[word, lane] &= symbols ^ (symbol - _ONE)
            for lane in range(LANES):
                some[lane] |= agree[word, lane]
        for lane in range(LANES):
            ended[lane] = _ALL if some[lane] == _NONE else _NONE
            counts[lane] -= ended[lane]
            some[lane] = _NONE
    for lane in range(out.shape[0]):
        out[lane] = np.int64(counts[lane]) + (0 if ended[lane] == _ALL else 1)


@compiled
def _parse_short_binary(packed: Array, n: int, out: Array) -> None:
    """What :func:`_parse` does, for one plane of at most two words: kept in registers it takes two thirds of the time.

    Truth tables of up to seven inputs are such rows.
    """
    near = np.zeros(LANES, np.uint64)  # lags 1 … 64 at which the present component still has occurred
    far = np.zeros(LANES, np.uint64)  # lags 65 … 128
    ended = np.full(LANES, _ALL)
    counts = np.ones(LANES, np.uint64)
    for position in range(1, n):
        last, taken = position // _WORD, np.uint64(position % _WORD)
        left = np.uint64(_WORD - 1) - taken
        partial = (_ONE << taken) - _ONE
        exist_near, exist_far = (partial, _NONE) if last == 0 else (_ALL, partial)
        for lane in range(LANES):
            newest, newer, older = packed[last + 2, lane], packed[last + 1, lane], packed[last, lane]
            unlike = ((newest >> left) & _ONE) - _ONE
            like_near = ((newer << taken) | ((newest >> _ONE) >> left)) ^ unlike
            like_far = ((older << taken) | ((newer >> _ONE) >> left)) ^ unlike
            near_now = (near[lane] | ended[lane]) & exist_near & like_near
            far_now = (far[lane] | ended[lane]) & exist_far & like_far
            ended_now = _ALL if (near_now | far_now) == _NONE else _NONE
            near[lane], far[lane], ended[lane] = near_now, far_now, ended_now
            counts[lane] -= ended_now
    for lane in range(out.shape[0]):
        out[lane] = np.int64(counts[lane]) + (0 if ended[lane] == _ALL else 1)
