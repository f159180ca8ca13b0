"""Jobs that last, on a machine of any speed, so that a test can disturb them meanwhile."""

from __future__ import annotations

import os
import time

import torch
from torch import Tensor

SECONDS = "SIMPLICITY_SWEEP_TESTS_SLOW"
"""The environment variable that says how long a layer takes for a batch that is not trained on; nothing by default."""


class InValidation(torch.nn.ReLU):
    """ReLU, which is slow where the environment says so."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            time.sleep(float(os.environ.get(SECONDS, "0")))
        return super().forward(x)
