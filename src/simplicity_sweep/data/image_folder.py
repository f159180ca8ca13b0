"""Images of the user's, in one folder for each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simplicity_sweep.data.classes import shortly
from simplicity_sweep.data.errors import DataError, check_whole_number
from simplicity_sweep.data.examples import Examples, Rows, keys_of
from simplicity_sweep.data.image_files import (
    Colour,
    class_folders,
    decode,
    decoded,
    image_files,
    refuse_unlike,
    refuse_unreadable,
)
from simplicity_sweep.data.kept import SCRATCH
from simplicity_sweep.data.moments import Moments, Number
from simplicity_sweep.data.own import Given, Inputs, OwnData, Prepared
from simplicity_sweep.data.room import Room

_PARTS = ("train", "val", "test")
_WHITE = 255
_FLOAT32 = 4  # bytes
_File = tuple[str, Path, int]
"""The part, the file, and its class's number."""


@dataclass(frozen=True)
class _Files:
    """What the folders hold: which parts, which classes and which files."""

    parts: tuple[str, ...]
    names: tuple[str, ...]
    found: Sequence[_File]


class ImageFolder(OwnData):
    """Images in `path/<class>/`, or in `path/train/<class>/`, `path/test/<class>/` and perhaps `path/val/<class>/`.

    Inputs are float32 `[n, height, width]` of grey images or `[n, 3, height, width]` of coloured ones: bytes, divided
    by 255, standardised by the training part (each colour by itself).

    Args:
        size: height and width, or one number for both, to which images are resized; by default they have one size.
        colour: "grey", "rgb", or "auto": what the files have.
        skip_unreadable: whether files that can't be decoded are left out; by default they are an error.
        mean: instead of the training part's, of values from 0 to 1; one number, or one for each colour.
        std: likewise.
        **options: see `OwnData`.

    Raises:
        DataError: names the folder or the file.
    """

    def __init__(
        self,
        *,
        size: int | Sequence[int] | None = None,
        colour: Colour = "auto",
        skip_unreadable: bool = False,
        mean: Number = None,
        std: Number = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if colour not in ("auto", "grey", "rgb"):
            raise DataError(f"Expected argument `colour` to be auto, grey or rgb, but got {colour!r}.")
        self.size = _height_and_width(size)
        self.colour: Colour = colour
        self.skip_unreadable = skip_unreadable
        self.given_moments = (mean, std)

    def files(self) -> Sequence[Path]:
        """The folders, which change when a file comes or goes."""
        if not self.path.is_dir():
            return (self.path,)
        return (self.path, *(folder for part in self._parts_folders().values() for folder in class_folders(part)))

    def sources(self) -> Sequence[Path]:
        """Every image file."""
        if not self.path.is_dir():
            raise DataError(f"{self.path} is no folder; expected one that holds a folder for each class.")
        parts = self._parts_folders().values()
        return [file for part in parts for of_class in class_folders(part) for file in image_files(of_class)]

    def surveyed(self) -> tuple[_Files, int, int]:
        """The files, and the size of the first image that can be decoded."""
        parts = self._parts_folders()
        names = [folder.name for folder in class_folders(parts["train"])]
        if len(names) < 2:
            raise DataError(f"{parts['train']} holds one class only, {names[0]!r}; a classifier needs two at least.")
        found = [(part, file, label) for part in parts for file, label in self._labelled(parts[part], names)]
        images = (decode(file, self.colour, self.size) for _, file, _ in found)
        first = next((image for image in images if not isinstance(image, str)), None)
        numbers = 0 if first is None else len(found) * first.size
        return _Files(tuple(parts), tuple(names), found), numbers * _FLOAT32, numbers

    def read(self, known: _Files, room: Room) -> Given:
        """The pixels of all files."""
        kept, pixels, reasons = self._pixels(known.found, room)
        notes = []
        if reasons and self.skip_unreadable:
            notes.append(f"{len(reasons)} files that can't be read as images were skipped: {shortly(reasons)}.")
        else:
            refuse_unreadable(reasons)
        if pixels is None:
            raise DataError(f"{self.path} holds no file that can be read as an image.")
        whole = self._examples(kept, pixels)
        at = np.array([part for part, *_ in kept])
        val, test = (whole.take(at == part) if part in known.parts else None for part in ("val", "test"))
        return Given(whole.take(at == "train"), known.names, val=val, test=test, notes=tuple(notes))

    def prepare(self, train: Rows, val: Rows, test: Rows, inputs: Inputs) -> Prepared:
        """Standardised pixels."""
        mean, std = self.given_moments
        in_bytes = (_in_bytes(mean), _in_bytes(std))
        axis = 1 if train.ndim == 4 else None
        moments = Moments.of(train, axis, in_bytes, lambda place: f"{self.path}: the colour {'RGB'[place]} of images")
        parts = {"train": train, "val": val, "test": test}
        return Prepared([moments.standardised(part, inputs(name, part.shape)) for name, part in parts.items()])

    def _pixels(self, found: Sequence[_File], room: Room) -> tuple[list[_File], NDArray[np.uint8] | None, list[str]]:
        """The files that can be decoded, their pixels one after the other, and why others can't be."""
        kept: list[_File] = []
        reasons = []
        pixels = None
        images = decoded([file for _, file, _ in found], self.colour, self.size)
        for entry, image in zip(found, images, strict=True):
            if isinstance(image, str):
                reasons.append(f"{entry[1]} ({image})")
                continue
            if pixels is None:
                pixels = room.empty(f"{SCRATCH}pixels", (len(found), *image.shape), np.uint8)
                pixels[0] = image
            else:
                refuse_unlike(entry[1], image, kept[0][1], pixels[0])
            pixels[len(kept)] = image
            kept.append(entry)
        return kept, None if pixels is None else pixels[: len(kept)], reasons

    def _parts_folders(self) -> dict[str, Path]:
        """The folders that hold those of the classes, by part."""
        names = {folder.name for folder in class_folders(self.path)}
        if not {"train", "test"} <= names:
            return {"train": self.path}
        if strange := sorted(names.difference(_PARTS)):
            raise DataError(
                f"{self.path} holds train and test, which are parts, and beside them {shortly(strange)}. Expected "
                "train, test and perhaps val, or one folder for each class."
            )
        return {part: self.path / part for part in _PARTS if part in names}

    def _labelled(self, folder: Path, names: Sequence[str]) -> list[tuple[Path, int]]:
        labelled = []
        for of_class in class_folders(folder):
            if of_class.name not in names:
                raise DataError(
                    f"{of_class}: the training part has no class {of_class.name!r}; its are {shortly(names)}."
                )
            labelled += [(file, names.index(of_class.name)) for file in image_files(of_class)]
        return labelled

    def _examples(self, kept: Sequence[_File], pixels: NDArray[np.uint8]) -> Examples:
        labels = np.array([label for *_, label in kept], dtype=np.int64)
        return Examples(
            Rows(pixels),
            labels,
            keys_of(pixels, labels),
            np.arange(len(kept)),
            lambda place: str(kept[place][1].relative_to(self.path)),
        )


def _height_and_width(size: int | Sequence[int] | None) -> tuple[int, int] | None:
    if size is None:
        return None
    pair = (size, size) if isinstance(size, int) else tuple(size)
    if len(pair) != 2:
        raise DataError(f"Expected argument `size` to be height and width, or one number, but got {size!r}.")
    for number in pair:
        check_whole_number("size", number, least=1)
    return pair[0], pair[1]


def _in_bytes(number: Number) -> Number:
    if number is None:
        return None
    return [value * _WHITE for value in number] if isinstance(number, Sequence) else number * _WHITE
