"""The Lempel–Ziv parses without compiled code: Python for one sequence, torch for a batch."""

from __future__ import annotations

import torch
from torch import Tensor

from simplicity_sweep.functional.symbols import Codes, row_codes

_WORD = 64  # bits of the history that one int64 holds
_CELLS = 1 << 24  # words a chunk of the batch may take, per temporary


def lz76_one(codes: Codes) -> int:
    """The number of components, by a suffix automaton that grows as the sequence is read: O(n) for any input.

    The automaton holds exactly the substrings of ``s[:h-1]`` when ``s[l:h]`` is looked up in it, which is the
    definition; see Blumer et al., The smallest automaton recognizing the subwords of a text (1985).

    Args:
        codes: shape ``[n]``.
    """
    moves: list[dict[int, int]] = [{}]
    links, lengths = [-1], [0]
    last = state = matched = components = 0
    for symbol in codes.tolist():
        following = moves[state].get(symbol)
        if following is None:
            components, state, matched = components + 1, 0, 0
        else:
            state, matched = following, matched + 1
        last = _extend(moves, links, lengths, last, symbol)
        # Splitting a state while extending may leave `state` too long for what has been matched.
        while state > 0 and matched <= lengths[links[state]]:
            state = links[state]
    return components + (1 if matched else 0)


def _extend(moves: list[dict[int, int]], links: list[int], lengths: list[int], last: int, symbol: int) -> int:
    """Append one symbol to the automaton; returns the state of the whole sequence read so far."""
    new = len(moves)
    moves.append({})
    links.append(0)
    lengths.append(lengths[last] + 1)
    state = last
    while state >= 0 and symbol not in moves[state]:
        moves[state][symbol] = new
        state = links[state]
    if state < 0:
        return new
    target = moves[state][symbol]
    if lengths[target] == lengths[state] + 1:
        links[new] = target
        return new
    clone = len(moves)
    moves.append(moves[target].copy())
    links.append(links[target])
    lengths.append(lengths[state] + 1)
    while state >= 0 and moves[state].get(symbol) == target:
        moves[state][symbol] = clone
        state = links[state]
    links[target] = links[new] = clone
    return new


def lz76_rows(rows: Tensor) -> Tensor:
    """The number of components of every row, shape ``[R]``, dtype int64, on the device of ``rows``.

    See :func:`lz76_chunk`; rows are taken in chunks that bound the memory.

    Args:
        rows: shape ``[R, n]``, dtype uint8 or int64.
    """
    if rows.numel() == 0:
        return torch.zeros(len(rows), dtype=torch.int64, device=rows.device)
    codes, bound = row_codes(rows)
    planes = max(1, (bound - 1).bit_length())
    words = -(-codes.shape[1] // _WORD)
    chunk = max(1, _CELLS // (words * planes))
    return torch.cat([lz76_chunk(part, planes, words) for part in torch.split(codes, chunk)])


def lz76_chunk(codes: Tensor, planes: int, words: int) -> Tensor:
    """The number of components of every row, by bit masks over lags.

    A component that starts at ``l`` goes on while some earlier start ``i`` agrees with it, and the lag ``l -
    i`` of that start stays the same while the component grows. So one mask of lags that still agree is
    narrowed at each position ``p`` to the lags ``d`` with ``s[p-d] == s[p]``; the component ends where it
    becomes empty. ``history`` holds, bit by bit of the code, the symbols at lag 1, 2, …; all rows take the
    same steps.

    Args:
        codes: shape ``[R, n]``.
        planes: number of bits of a code.
        words: number of 64-bit words for ``n`` lags.
    """
    rows, n = codes.shape
    device = codes.device
    columns = codes.t().contiguous()
    shifts = torch.arange(planes, device=device, dtype=torch.int64)[:, None]
    history = torch.zeros(planes, words, rows, dtype=torch.int64, device=device)
    agree = torch.zeros(words, rows, dtype=torch.int64, device=device)
    components = torch.zeros(rows, dtype=torch.int64, device=device)
    ended = torch.zeros(rows, dtype=torch.bool, device=device)
    for position in range(n):
        used, grown = (
            -(-position // _WORD),
            position // _WORD + 1,
        )  # words for the lags now, and one symbol later
        bits = (columns[position].to(torch.int64) >> shifts) & 1
        if used:
            agree[:used] &= ~_any_plane(history[:, :used], bits)
            if position % _WORD:
                agree[used - 1] &= (1 << position % _WORD) - 1  # a component that starts here has lags 1 … position
        ended = (agree[:used] == 0).all(dim=0)
        components += ended
        agree[:grown].masked_fill_(ended, -1)
        carry = (history[:, : grown - 1] >> (_WORD - 1)) & 1
        history[:, :grown] <<= 1
        history[:, 1:grown] |= carry
        history[:, 0] |= bits
    return components + ~ended


def _any_plane(history: Tensor, bits: Tensor) -> Tensor:
    """A mask of the lags at which the symbol differs from the present one in any bit of its code."""
    differ = history[0] ^ -bits[0]
    for plane in range(1, len(bits)):
        differ |= history[plane] ^ -bits[plane]
    return differ
