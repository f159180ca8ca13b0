"""A Hydra application whose jobs do what their process is to be tested with; each leaves a file when it has begun."""

from __future__ import annotations

import os
import time
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

LONG = 300.0


def work(cfg: DictConfig) -> int:
    """Waits to be interrupted, which leaves a file; a stubborn job goes on waiting."""
    folder = Path(HydraConfig.get().runtime.output_dir)
    (folder / "pid").write_text(str(os.getpid()))
    try:
        time.sleep(LONG)
    except KeyboardInterrupt:
        (folder / "interrupted").touch()
        if not cfg.stubborn:
            raise
        time.sleep(LONG)
    return os.getpid()


if __name__ == "__main__":
    hydra.main(version_base="1.3", config_path="conf", config_name="app")(work)()
