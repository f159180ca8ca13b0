"""Checkpoints that are whole, or not there."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

FOLDER = "checkpoints"
"""The folder of a job's folder that holds its checkpoints."""

LAST = "last.ckpt"
"""The checkpoint of the last epoch that was ended."""


class CheckpointError(Exception):
    """A checkpoint can't be written; the message names the file, the reason and the remedy."""


class WholeCheckpoints(TorchCheckpointIO):
    """Lightning's checkpoints in their own format, written beside their place and put there once they are complete.

    Lightning writes them in the system's folder for temporary files and copies them from there: a disk that fills up
    meanwhile leaves half a checkpoint in the place of the one before.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Writes `checkpoint` to the file `path`.

        Raises:
            CheckpointError: it can't be written; what was at `path` before is still there.
        """
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        place = Path(path)
        draft = place.with_name(f".{place.name}.{os.getpid()}")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with draft.open("wb") as file:
                file.write(buffer.getbuffer())
                file.flush()
                os.fsync(file.fileno())  # or a loss of power may leave an empty file in its place
            draft.replace(place)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise CheckpointError(
                f"{place}: the checkpoint can't be written ({error.strerror or error}). An earlier one there is whole. "
                "Free space on its disk, or choose another folder: hydra.sweep.dir=FOLDER, or for one run hydra.run.dir"
            ) from error


def is_whole(path: Path) -> bool:
    """Whether there is a checkpoint at `path` that can be read."""
    try:
        torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # what the bytes of a broken file make torch raise
        return False
    return True
