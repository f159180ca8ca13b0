"""Named random streams: what one `seed` means for weights, data order and probes; and the global generators' states."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch

Stream = Literal["weights", "order", "probes"]


def stream_seed(seed: int, stream: Stream) -> int:
    """The seed of one named stream, in [0, 2⁶³).

    The streams of one `seed` are unrelated to each other and to those of any other seed, so changing how many
    probes are drawn changes neither the initial weights nor the order of the data.

    SHA-256 of "<seed>/<stream>", its first eight bytes as a big-endian integer, shifted right by one.
    """
    digest = hashlib.sha256(f"{seed}/{stream}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def random_states() -> dict[str, Any]:
    """The states of the global generators of Python, NumPy, torch and CUDA, as tensors, numbers and strings only, so
    that a file that holds them loads with `weights_only=True`.

    Example:
        >>> before = random_states()
        >>> drawn = random.random()
        >>> set_random_states(before)
        >>> random.random() == drawn
        True
    """
    name, keys, *rest = np.random.get_state(legacy=True)
    version, internal, gauss = random.getstate()
    return {
        "python": [version, torch.tensor(internal, dtype=torch.int64), gauss],
        "numpy": [name, torch.from_numpy(np.asarray(keys).astype(np.int64)), *rest],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [],  # type: ignore[no-untyped-call]
    }


def set_random_states(states: Mapping[str, Any]) -> None:
    """Puts back what `random_states` gave; of a GPU that isn't here nothing."""
    version, internal, gauss = states["python"]
    random.setstate((version, tuple(internal.tolist()), gauss))
    name, keys, *rest = states["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(states["torch"])
    if states["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(states["cuda"])
