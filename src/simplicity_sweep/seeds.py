"""Named random streams: what one `seed` means for weights, data order and probes."""

from __future__ import annotations

import hashlib
from typing import Literal

Stream = Literal["weights", "order", "probes"]


def stream_seed(seed: int, stream: Stream) -> int:
    """The seed of one named stream, in [0, 2⁶³).

    The streams of one `seed` are unrelated to each other and to those of any other seed, so changing how many
    probes are drawn changes neither the initial weights nor the order of the data.

    SHA-256 of "<seed>/<stream>", its first eight bytes as a big-endian integer, shifted right by one.
    """
    digest = hashlib.sha256(f"{seed}/{stream}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
