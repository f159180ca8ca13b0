"""What a checkpoint carries beside Lightning's own."""

from __future__ import annotations

import random

import numpy as np
import torch

from simplicity_sweep.callbacks.carry_progress import _as_captured, _plain
from simplicity_sweep.fused.ambient import RandomStates


def drawn() -> list[float]:
    return [random.gauss(0, 1), np.random.standard_normal(), np.random.random(), float(torch.rand(()))]


def test_every_generator_goes_on_from_a_file_that_loads_weights_only(tmp_path):
    random.gauss(0, 1)
    np.random.standard_normal()  # both keep a second number for later
    torch.save(_plain(RandomStates().capture()), tmp_path / "states")
    first = drawn()
    RandomStates().restore(_as_captured(torch.load(tmp_path / "states", weights_only=True)))
    assert drawn() == first
