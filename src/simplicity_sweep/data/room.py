"""Where arrays are put while a data set is made of its files: in memory, or in files themselves."""

from __future__ import annotations

import mmap
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray


class Room(Protocol):
    """A place for arrays."""

    def empty(self, name: str, shape: Sequence[int], dtype: DTypeLike) -> NDArray[Any]:
        """A new array that is to be filled."""

    def loaded(self, name: str, stream: IO[bytes]) -> NDArray[Any]:
        """The array in the bytes of an `.npy` file."""


class Memory:
    """Arrays as NumPy makes them."""

    def empty(self, name: str, shape: Sequence[int], dtype: DTypeLike) -> NDArray[Any]:
        """A new array in memory."""
        return np.empty(tuple(shape), dtype)

    def loaded(self, name: str, stream: IO[bytes]) -> NDArray[Any]:
        """The array, read into memory."""
        array: NDArray[Any] = np.lib.format.read_array(stream, allow_pickle=False)
        return array


class Files:
    """Arrays each in an `.npy` file of a folder. What is read of them takes memory that the kernel can have back.

    Args:
        folder: an empty one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def empty(self, name: str, shape: Sequence[int], dtype: DTypeLike) -> NDArray[Any]:
        """A new array of a new file.

        Raises:
            OSError: there is no room for it; a file that grew while it is written to could only kill the process.
        """
        path = self.path(name)
        array: NDArray[Any] = np.lib.format.open_memmap(path, "w+", np.dtype(dtype), tuple(shape))
        if hasattr(os, "posix_fallocate"):
            with path.open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
        return array

    def loaded(self, name: str, stream: IO[bytes]) -> NDArray[Any]:
        """The array, in a copy of the stream: that of an archive is compressed."""
        with self.path(name).open("wb") as file:
            shutil.copyfileobj(stream, file, 1 << 20)
        return mapped(self.path(name))

    def path(self, name: str) -> Path:
        """The file of an array."""
        return self.folder / f"{name}.npy"


def mapped(path: Path, scattered: bool = False) -> NDArray[Any]:
    """The array in an `.npy` file, read where it is looked at; it can't be written to.

    Args:
        path: the file.
        scattered: whether its rows are looked at in any order, so that it does not help to read what lies around them:
            a kernel may read megabytes there, and forget for them what will be needed.
    """
    array: Any = np.load(path, mmap_mode="r", allow_pickle=False)
    if scattered and hasattr(mmap, "MADV_RANDOM"):
        array._mmap.madvise(mmap.MADV_RANDOM)
    return array  # type: ignore[no-any-return]
