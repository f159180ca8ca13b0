"""Lends a member's own generator to code that draws from torch's default one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def drawing_from(rng: torch.Generator | None) -> Iterator[None]:
    """Inside the block, torch's default generator of `rng`'s device draws what `rng` would; `rng` advances with it.

    With None nothing is lent, and draws come from the default generator itself.
    """
    if rng is None:
        yield
        return
    default = _default_generator(rng.device)
    before = default.get_state()
    default.set_state(rng.get_state())
    try:
        yield
    finally:
        rng.set_state(default.get_state())
        default.set_state(before)


def _default_generator(device: torch.device) -> torch.Generator:
    if device.type == "cpu":
        return torch.default_generator
    index = torch.cuda.current_device() if device.index is None else device.index
    return torch.cuda.default_generators[index]
