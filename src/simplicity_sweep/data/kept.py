"""Data sets that were made once and are kept as files, from which every process reads what it needs of them."""

from __future__ import annotations

import json
import os
import shutil
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from filelock import FileLock
from numpy.typing import NDArray
from torch import Tensor

from simplicity_sweep.data.errors import DataError
from simplicity_sweep.data.room import Files, Room, mapped
from simplicity_sweep.data.sharing import Parts
from simplicity_sweep.data.split import Split

_ABOUT = "about.json"
_INPUTS = "{}_inputs"
_LABELS = "{}_labels"
SCRATCH = "raw_"
"""How the names of arrays begin that are needed while a data set is made, and not kept."""


class Kept:
    """The parts of one data set in a folder: inputs in files that are mapped into memory, labels read whole.

    The folder is there whole or not at all: it is made beside its place and then renamed. Of several processes that
    need it at once, one makes it and the others wait.

    Args:
        folder: its place; what is in it is ours, and its name tells this data set from others.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def nbytes(self) -> int | None:
        """Bytes of all inputs; None where the data set is not kept."""
        about = self.folder / _ABOUT
        return int(json.loads(about.read_text(encoding="utf-8"))["nbytes"]) if about.exists() else None

    def open(self) -> Parts:
        """The parts, nothing of their inputs read yet."""
        about = json.loads((self.folder / _ABOUT).read_text(encoding="utf-8"))
        train, val, test = (
            Split(
                _mapped_tensor(self._file(_INPUTS, name), scattered=name == "train"),
                torch.from_numpy(self._labels(name)),
            )
            for name in ("train", "val", "test")
        )
        return Parts(
            *(train, val, test),
            outputs=about["outputs"],
            names=tuple(about["names"]),
            columns=tuple(about["columns"]),
            notes=tuple(about["notes"]),
            batch_size=about["batch_size"],
            known_fingerprint=about["fingerprint"],
        )

    def opened(self, make: Callable[[Files], Parts], needed: int) -> Parts:
        """The parts, made by `make` in the room that it is given where they are not kept yet.

        Args:
            make: puts the inputs of each part into `room_for_inputs`.
            needed: bytes that the disk must have free for it.

        Raises:
            DataError: the folder can't be written to, or is on too small a disk.
        """
        place = self.folder.parent
        try:
            place.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{self.folder}.lock"):
                if self.nbytes is None:
                    self._make(make, needed)
        except OSError as error:
            raise DataError(
                f"{place}: the data can't be kept there ({error}). Choose another folder, data.root=…, or read all of "
                "it into memory: data.resident=true"
            ) from error
        return self.open()

    def _make(self, make: Callable[[Files], Parts], needed: int) -> None:
        place = self.folder.parent
        for stale in place.glob(f".{self.folder.name}-*"):  # of a process that was killed: nobody else has the lock
            shutil.rmtree(stale)
        if (free := shutil.disk_usage(place).free) < needed:
            raise DataError(
                f"{place}: {needed / 1e9:.3g} GB are needed there to keep the data, and {free / 1e9:.3g} GB are free. "
                "Choose another folder, data.root=…, or read all of it into memory: data.resident=true"
            )
        with TemporaryDirectory(dir=place, prefix=f".{self.folder.name}-") as stage:
            files = Files(Path(stage, "whole"))
            files.folder.mkdir()
            parts = make(files)
            about = _about(parts)
            for name, split in parts.by_name().items():
                np.save(files.path(_LABELS.format(name)), split.labels.numpy())
            (files.folder / _ABOUT).write_text(json.dumps(about), encoding="utf-8")
            for path in files.folder.iterdir():
                if path.name.startswith(SCRATCH):
                    path.unlink()
                    continue
                with path.open("rb") as file:  # the folder's new name must not reach the disk before what is in it
                    os.fsync(file.fileno())
            files.folder.rename(self.folder)

    def _labels(self, part: str) -> NDArray[Any]:
        labels: NDArray[Any] = np.load(self._file(_LABELS, part), allow_pickle=False)
        return labels

    def _file(self, kind: str, part: str) -> Path:
        return Files(self.folder).path(kind.format(part))


def room_for_inputs(room: Room, part: str, shape: Sequence[int]) -> Tensor:
    """Where the inputs of a part, `train`, `val` or `test`, are to be written: float32, of this shape."""
    return torch.from_numpy(room.empty(_INPUTS.format(part), shape, np.float32))


def _mapped_tensor(path: Path, scattered: bool) -> Tensor:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.from_numpy(mapped(path, scattered))


def _about(parts: Parts) -> dict[str, Any]:
    return {
        "nbytes": parts.nbytes,
        "outputs": parts.outputs,
        "names": list(parts.names),
        "columns": list(parts.columns),
        "notes": list(parts.notes),
        "batch_size": parts.batch_size,
        "fingerprint": parts.fingerprint,
    }
