"""Image files of a folder: which there are, and their pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from simplicity_sweep.data.classes import shortly
from simplicity_sweep.data.errors import DataError

Colour = Literal["auto", "grey", "rgb"]
"""Grey values, three colours, or what the files have."""

_AT_ONCE = 512  # files, more than there are threads
_GREY, _COLOURED = ("1", "L", "LA"), ("RGB", "RGBA", "P", "CMYK", "YCbCr")


def class_folders(folder: Path) -> list[Path]:
    """The folders of a folder, one a class, in the order of their names; hidden ones are none.

    Raises:
        DataError: there are none.
    """
    found = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not found:
        raise DataError(f"{folder} holds no folders; expected one for each class, with its images.")
    return found


def image_files(folder: Path) -> list[Path]:
    """The files of a class's folder and its own folders, in the order of their names; hidden ones are none.

    Raises:
        DataError: there are none.
    """
    found = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    if not found:
        raise DataError(f"{folder} is empty; expected the images of class {folder.name!r}.")
    return found


def decode(file: Path, colour: Colour, size: tuple[int, int] | None) -> NDArray[np.uint8] | str:
    """The pixels of a file, `[height, width]` or `[3, height, width]`, or why it can't be decoded.

    Args:
        file: an image.
        colour: "auto" gives grey values where the file is grey.
        size: height and width to which it is resized, bilinearly and without regard to its proportions.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file) as image:
            if image.mode not in (*_GREY, *_COLOURED):
                return f"its pixels are of Pillow's mode {image.mode}; 8 bits for a value can be used"
            grey = image.mode in _GREY if colour == "auto" else colour == "grey"
            pixels = image.convert("L" if grey else "RGB")
            if size is not None:
                pixels = pixels.resize(size[::-1], Image.Resampling.BILINEAR)
            values = np.asarray(pixels)
    except UnidentifiedImageError:
        return "no image that Pillow knows"
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return " ".join(str(error).split()) or type(error).__name__
    return values if grey else np.ascontiguousarray(values.transpose(2, 0, 1))


def decoded(files: Sequence[Path], colour: Colour, size: tuple[int, int] | None) -> Iterator[NDArray[np.uint8] | str]:
    """What `decode` gives for each file, in their order; a few hundred images at a time are in memory."""
    with ThreadPoolExecutor() as threads:  # Pillow's decoders let go of the interpreter's lock
        for first in range(0, len(files), _AT_ONCE):
            yield from threads.map(partial(decode, colour=colour, size=size), files[first : first + _AT_ONCE])


def refuse_unlike(file: Path, image: NDArray[np.uint8], first_file: Path, first: NDArray[np.uint8]) -> None:
    """Refuses an image that is of another size or has other colours than the first.

    Raises:
        DataError: names both files.
    """
    if image.ndim != first.ndim:
        kinds = {2: "grey", 3: "coloured"}
        raise DataError(
            f"{file} is {kinds[image.ndim]}, {first_file} {kinds[first.ndim]}. Say data.colour=grey or rgb."
        )
    if image.shape != first.shape:
        raise DataError(
            f"{file} has {_pixels(image)} pixels, {first_file} {_pixels(first)}. Give all of them one size: "
            "data.size=[height,width]"
        )


def refuse_unreadable(reasons: Sequence[str]) -> None:
    """Refuses files that can't be decoded.

    Raises:
        DataError: names the first ones.
    """
    if reasons:
        raise DataError(
            f"{len(reasons)} files can't be read as images: {shortly(reasons)}. Take them out of the folder, or skip "
            "them: data.skip_unreadable=true"
        )


def _pixels(image: NDArray[Any]) -> str:
    return f"{image.shape[-2]} × {image.shape[-1]}"
