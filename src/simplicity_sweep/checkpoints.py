"""Checkpoint files that are whole or not there, whatever happens while they are written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins import TorchCheckpointIO

FOLDER = "checkpoints"
"""The folder of a job's folder that holds its checkpoints."""

LAST = "last.ckpt"
"""The checkpoint of the last epoch that was ended."""


class DurableCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside the old one, on the disk itself, and then puts it in its place."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            with draft.open("wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(target)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise


def is_whole(path: Path) -> bool:
    """Whether there is a checkpoint at `path` that can be read."""
    try:
        torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # what the bytes of a broken file make torch raise
        return False
    return True
