"""Image files of a folder: which there are, and their pixels."""

from __future__ import annotations

from collections.abc import Sequence
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


def decoded(
    files: Sequence[Path], colour: Colour, size: tuple[int, int] | None
) -> tuple[list[NDArray[np.uint8] | None], list[str]]:
    """The pixels of each file, `[height, width]` or `[3, height, width]`, None where it can't be decoded; and why not.

    Args:
        files: images.
        colour: "auto" gives grey values where the files are grey.
        size: height and width to which each is resized, bilinearly and without regard to its proportions.
    """
    with ThreadPoolExecutor() as threads:  # Pillow's decoders let go of the interpreter's lock
        results = list(threads.map(partial(_decoded, colour=colour, size=size), files))
    reasons = [f"{file} ({why})" for file, why in zip(files, results, strict=True) if isinstance(why, str)]
    return [None if isinstance(result, str) else result for result in results], reasons


def stacked(files: Sequence[Path], images: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """All images in one array, `[n, height, width]` or `[n, 3, height, width]`.

    Raises:
        DataError: one is of another size or has other colours than the first.
    """
    for file, image in zip(files, images, strict=True):
        if image.ndim != images[0].ndim:
            kinds = {2: "grey", 3: "coloured"}
            raise DataError(
                f"{file} is {kinds[image.ndim]}, {files[0]} {kinds[images[0].ndim]}. Say data.colour=grey or rgb."
            )
        if image.shape != images[0].shape:
            raise DataError(
                f"{file} has {_pixels(image)} pixels, {files[0]} {_pixels(images[0])}. Give all of them one size: "
                "data.size=[height,width]"
            )
    return np.stack(images)


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


def _decoded(file: Path, colour: Colour, size: tuple[int, int] | None) -> NDArray[np.uint8] | str:
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
