"""What `${project:}` and `${short_id:}` in the configuration stand for."""

from __future__ import annotations

import secrets
from pathlib import Path

from omegaconf import OmegaConf


def project_folder() -> Path:
    """The checkout that holds `train.py`; where the package is installed without one, the working folder."""
    checkout = Path(__file__).resolve().parents[2]
    return checkout if (checkout / "train.py").is_file() else Path.cwd()


def register() -> None:
    """Makes both resolvers known to OmegaConf. `short_id` is drawn once per composed sweep: two sweeps started in
    the same second must not share a folder."""
    OmegaConf.register_new_resolver("project", lambda: str(project_folder()), replace=True)
    OmegaConf.register_new_resolver("short_id", lambda: secrets.token_hex(2), use_cache=True, replace=True)
