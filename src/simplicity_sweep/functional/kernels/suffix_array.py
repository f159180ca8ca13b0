"""LZ76 of one sequence through its suffix array: O(n) for any input and any alphabet."""

from __future__ import annotations

import numpy as np

from simplicity_sweep.functional.kernels.compiled import Array, compiled

_EMPTY = -1


def lz76_sorted(codes: Array, distinct: int) -> int:
    """The number of components.

    Args:
        codes: shape ``[n]``, n ≥ 1, integers in ``0 … distinct-1``.
        distinct: upper bound of the codes.
    """
    text = codes if codes.dtype == np.uint8 else codes.astype(np.int32)
    return int(_parse(text, suffix_array(text, distinct)))


def suffix_array(text: Array, distinct: int) -> Array:
    """The starts of the suffixes of ``text`` (uint8 or int32) in lexical order, shape ``[n]``, by induced sorting.

    References:
        G. Nong, S. Zhang, W. H. Chan, Two efficient algorithms for linear time suffix array construction,
        IEEE Trans. Computers 60 (2011) 1471–1484.
    """
    rising = _rising(text)
    leftmost = np.flatnonzero(rising[1:] & ~rising[:-1]).astype(np.int32) + np.int32(1)
    array = _induced(text, distinct, leftmost)
    if leftmost.size > 1:
        names, ordered, count = _named(text, rising, array, leftmost.size)
        if count < leftmost.size:
            ordered = leftmost[suffix_array(names[leftmost], count)]
        array = _induced(text, distinct, ordered)
    return array


@compiled
def _rising(text: Array) -> Array:
    """Whether each suffix is smaller than the next one; the last is not, as the end is smaller than any symbol."""
    n = text.shape[0]
    rising = np.zeros(n, np.bool_)
    for place in range(n - 2, -1, -1):
        rising[place] = text[place] < text[place + 1] or (text[place] == text[place + 1] and rising[place + 1])
    return rising


@compiled
def _induced(text: Array, distinct: int, leftmost: Array) -> Array:
    """The order of all suffixes that follows from the order in which the leftmost rising ones are given."""
    n = text.shape[0]
    ends = np.zeros(distinct + 1, np.int32)
    for place in range(n):
        ends[text[place] + 1] += 1
    for symbol in range(distinct):
        ends[symbol + 1] += ends[symbol]
    array = np.full(n, _EMPTY, np.int32)
    cursor = ends[1:].copy()
    for rank in range(leftmost.shape[0] - 1, -1, -1):
        symbol = text[leftmost[rank]]
        cursor[symbol] -= 1
        array[cursor[symbol]] = leftmost[rank]
    _induce_falling(text, array, ends[:-1].copy())
    _induce_rising(text, array, ends[1:].copy())
    return array


@compiled
def _induce_falling(text: Array, array: Array, cursor: Array) -> None:
    """Enter the falling suffixes from the start of each symbol's part of the array on.

    What stands in the array is falling or leftmost rising, so that the suffix before it falls unless its symbol is
    smaller.
    """
    last = text.shape[0] - 1
    array[cursor[text[last]]] = last  # induced by the end of the text, which is smallest
    cursor[text[last]] += 1
    for rank in range(last + 1):
        place = array[rank] - 1
        if place >= 0 and text[place] >= text[place + 1]:
            symbol = text[place]
            array[cursor[symbol]] = place
            cursor[symbol] += 1


@compiled
def _induce_rising(text: Array, array: Array, cursor: Array) -> None:
    """Enter the rising suffixes from the end of each symbol's part of the array on.

    Of two suffixes that start with the same symbol and follow each other in the text, both rise or both fall; those
    from the cursor on are the rising ones.
    """
    for rank in range(text.shape[0] - 1, -1, -1):
        place = array[rank] - 1
        if place >= 0 and text[place] <= text[place + 1]:
            symbol = text[place]
            if symbol < text[place + 1] or cursor[symbol] <= rank:
                cursor[symbol] -= 1
                array[cursor[symbol]] = place


@compiled
def _named(text: Array, rising: Array, array: Array, count: int) -> tuple[Array, Array, int]:
    """Names of the leftmost rising substrings by their order, kept at their starts; their order; distinct names."""
    n = text.shape[0]
    names = np.full(n, _EMPTY, np.int32)
    ordered = np.empty(count, np.int32)
    last = _EMPTY
    found = name = 0
    for rank in range(n):
        place = array[rank]
        if place > 0 and rising[place] and not rising[place - 1]:
            if last != _EMPTY and not _same(text, rising, last, place):
                name += 1
            names[place] = name
            ordered[found] = place
            found += 1
            last = place
    return names, ordered, name + 1


@compiled
def _same(text: Array, rising: Array, left: int, right: int) -> bool:
    """Whether two leftmost rising substrings, each up to the start of the next one, are equal."""
    n = text.shape[0]
    offset = 0
    while True:
        if left + offset >= n or right + offset >= n:
            return False  # only one of them reaches the end
        if text[left + offset] != text[right + offset] or rising[left + offset] != rising[right + offset]:
            return False
        if offset > 0:
            left_ends = rising[left + offset] and not rising[left + offset - 1]
            right_ends = rising[right + offset] and not rising[right + offset - 1]
            if left_ends or right_ends:
                return left_ends and right_ends
        offset += 1


@compiled
def _parse(text: Array, array: Array) -> int:
    """The longest earlier match of a suffix is with one of its two neighbours among the earlier suffixes.

    References:
        J. Kärkkäinen, D. Kempa, S. J. Puglisi, Linear time Lempel–Ziv factorization: simple, fast, small, CPM 2013.
    """
    n = text.shape[0]
    neighbours = _earlier_neighbours(array)
    components = position = 0
    while position < n:
        before = _common(text, neighbours[position, 0], position)
        after = _common(text, neighbours[position, 1], position)
        components += 1
        position += max(before, after) + 1
    return components


@compiled
def _earlier_neighbours(array: Array) -> Array:
    """For each position the nearest suffixes before and after it in lexical order that start earlier, or −1."""
    n = array.shape[0]
    neighbours = np.full((n, 2), _EMPTY, np.int32)
    for rank in range(n):
        place = array[rank]
        before = array[rank - 1] if rank > 0 else _EMPTY
        while before > place:
            neighbours[before, 1] = place
            before = neighbours[before, 0]
        neighbours[place, 0] = before
    return neighbours


@compiled
def _common(text: Array, earlier: int, position: int) -> int:
    """The number of symbols that the suffixes at two positions have in common; 0 where the earlier one is −1."""
    n = text.shape[0]
    length = 0
    if earlier != _EMPTY:
        while position + length < n and text[earlier + length] == text[position + length]:
            length += 1
    return length
