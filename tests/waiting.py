"""Jobs that wait for a test."""

from __future__ import annotations

import os
import time
from pathlib import Path

import torch
from hydra.core.hydra_config import HydraConfig

FOLDER = "SIMPLICITY_SWEEP_TESTS_WAIT_IN"
"""The environment variable that names the folder of the files by which a job and a test wait for each other."""


class AtBuild(torch.nn.ReLU):
    """Says in the file `built-<job>` that its network is being built, and goes on when there is `go-<job>`.

    The network that is tried before the first job takes no gradients, and is no job's.
    """

    def __init__(self) -> None:
        super().__init__()
        if not torch.is_grad_enabled():
            return
        folder, job = Path(os.environ[FOLDER]), HydraConfig.get().job.num
        (folder / f"built-{job}").touch()
        wait_for(folder / f"go-{job}")


def wait_for(path: Path, seconds: float = 120) -> None:
    """Returns when `path` is there."""
    for _ in range(int(seconds / 0.05)):
        if path.exists():
            return
        time.sleep(0.05)
    raise TimeoutError(f"{path} never came")
