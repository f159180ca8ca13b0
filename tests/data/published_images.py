"""Tiny data sets in the published form, for tests: IDX bytes made by hand, with their own checksums."""

from __future__ import annotations

import gzip
import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from simplicity_sweep.data import Collection, IdxImages, PublishedFile

NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def idx(array: np.ndarray) -> bytes:
    """The IDX file of a uint8 array: written from the format's description, not with our reader."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def contents() -> dict[str, bytes]:
    """Six training and two test images of 2 × 2, three classes; image k holds 4k, 4k + 1, 4k + 2, 4k + 3."""
    images = np.arange(32, dtype=np.uint8).reshape(8, 2, 2)
    labels = np.array([0, 1, 2, 0, 1, 2, 0, 1], dtype=np.uint8)
    parts = (images[:6], labels[:6], images[6:], labels[6:])
    return {name: idx(part) for name, part in zip(NAMES, parts, strict=True)}


def files() -> tuple[PublishedFile, ...]:
    return tuple(PublishedFile(name, hashlib.md5(raw).hexdigest()) for name, raw in contents().items())


@dataclass
class Shop:
    """A source that has what it is given, and counts how often it was asked."""

    wares: dict[str, bytes] = field(default_factory=contents)
    asked: int = 0

    def __str__(self) -> str:
        return "the shop"

    def fetch(self, files: Sequence[PublishedFile], into: Path) -> None:
        self.asked += 1
        for name, content in self.wares.items():
            (into / name).write_bytes(content)


def zipped(wares: dict[str, bytes]) -> dict[str, bytes]:
    return {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in wares.items()}


def tiny(*sources: object) -> Collection:
    return Collection("Tiny", "https://example.org", files(), sources)  # type: ignore[arg-type]


class Tiny(IdxImages):
    """The tiny data set as a data module."""

    collection = tiny(Shop())
