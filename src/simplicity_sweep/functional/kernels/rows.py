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
    columns = np.zeros((n, LANES), np.uint8)
    for first in range(0, rows, LANES):
        block = sequences[first : first + LANES]
        planes = _transpose(block, columns)
        if planes > 8:
            out[first : first + LANES] = WIDE
        else:
            _parse(columns, planes, out[first : first + LANES])


@compiled
def _transpose(block: Array, columns: Array) -> int:
    """Write the symbols, less the smallest, as ``columns[position, row]``; returns how many bits they take."""
    low, high = block[0, 0], block[0, 0]
    for row in range(block.shape[0]):
        for position in range(block.shape[1]):
            low = min(low, block[row, position])
            high = max(high, block[row, position])
    if np.uint64(high) - np.uint64(low) > np.uint64(255):
        return 9
    for row in range(block.shape[0]):
        for position in range(block.shape[1]):
            columns[position, row] = block[row, position] - low
    planes = 1
    while (high - low) >> planes:
        planes += 1
    return planes


@compiled
def _parse(columns: Array, planes: int, out: Array) -> None:
    """All loops over lanes are innermost and free of branches, which is what makes them vector instructions."""
    n = columns.shape[0]
    words = (n + _WORD - 1) // _WORD
    history = np.zeros((planes, words, LANES), np.uint64)  # symbols at lag 1, 2, …, bit by bit of their code
    agree = np.zeros((words, LANES), np.uint64)  # lags at which the present component still has occurred
    ended = np.zeros(LANES, np.uint64)  # all ones in lanes whose component ends here
    carry = np.empty(LANES, np.uint64)
    unlike = np.empty(LANES, np.uint64)
    counts = np.zeros(LANES, np.uint64)
    for position in range(n):
        grown = position // _WORD + 1  # words for the lags of a component that starts at the next symbol
        for plane in range(planes):
            for lane in range(LANES):
                bit = np.uint64((columns[position, lane] >> np.uint8(plane)) & np.uint8(1))
                carry[lane] = bit
                unlike[lane] = bit - _ONE
            for word in range(grown):
                for lane in range(LANES):
                    symbols = history[plane, word, lane]
                    agree[word, lane] &= symbols ^ unlike[lane]
                    history[plane, word, lane] = (symbols << _ONE) | carry[lane]
                    carry[lane] = symbols >> np.uint64(_WORD - 1)
        for lane in range(LANES):
            ended[lane] = agree[0, lane]
        for word in range(1, grown):
            for lane in range(LANES):
                ended[lane] |= agree[word, lane]
        for lane in range(LANES):
            ended[lane] = _ALL if ended[lane] == _NONE else _NONE
            counts[lane] -= ended[lane]
        for word in range(grown):
            lags = position + 1 - word * _WORD
            exist = _ALL if lags >= _WORD else (_ONE << np.uint64(lags)) - _ONE
            for lane in range(LANES):
                agree[word, lane] |= ended[lane] & exist
    for lane in range(out.shape[0]):
        out[lane] = np.int64(counts[lane]) + (0 if ended[lane] == _ALL else 1)
