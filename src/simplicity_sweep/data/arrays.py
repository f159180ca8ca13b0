"""Arrays of the user's in one NumPy archive."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal
from zipfile import is_zipfile

import numpy as np
from numpy.typing import NDArray

from simplicity_sweep.data.classes import classes_of, codes_of
from simplicity_sweep.data.errors import DataError
from simplicity_sweep.data.examples import Examples, Rows, keys_of
from simplicity_sweep.data.kept import SCRATCH
from simplicity_sweep.data.moments import Moments, Number, slices
from simplicity_sweep.data.own import Given, Inputs, OwnData, Prepared
from simplicity_sweep.data.room import Room

Standardise = Literal["auto", "columns", "whole", "none"]
"""Each column by itself, all numbers alike, or not at all; "auto" is columns of vectors, else the whole."""

_FLOAT32 = 4  # bytes


class Arrays(OwnData):
    """The arrays of an `.npz` file. Inputs are float32 `[n, *shape]`, as in the file, standardised.

    `inputs` and `labels` are divided into parts; where there are `test_inputs` and `test_labels`, or `val_inputs` and
    `val_labels`, they are those parts.

    Args:
        standardise: "columns": each column by its own mean and standard deviation in the training part; "whole": all
            numbers by one; "none"; "auto": columns where inputs are vectors, else whole.
        mean: instead of the training part's, in the file's own units.
        std: likewise.
        **options: see `OwnData`.

    Raises:
        DataError: names the file, the array and the place in it.
    """

    def __init__(
        self, *, standardise: Standardise = "auto", mean: Number = None, std: Number = None, **options: Any
    ) -> None:
        super().__init__(**options)
        if standardise not in ("auto", "columns", "whole", "none"):
            raise DataError(
                f"Expected argument `standardise` to be auto, columns, whole or none, but got {standardise!r}."
            )
        self.standardise = standardise
        self.given_moments = (mean, std)

    def surveyed(self) -> tuple[None, int, int]:
        """The inputs' shapes, from the heads of the arrays."""
        numbers = nbytes = 0
        with self._archive() as archive:
            for name in archive.files:
                if name.endswith("inputs"):
                    shape, dtype = _head(archive, name)
                    numbers += math.prod(shape)
                    nbytes += math.prod(shape) * dtype.itemsize
        return None, numbers * _FLOAT32, nbytes

    def read(self, known: None, room: Room) -> Given:
        """The examples of the archive."""
        arrays = self._arrays(room)
        values, what, call = self._labels(arrays, "")
        classes = classes_of(values, what, call)
        parts = {
            prefix: self._examples(arrays, prefix, classes)
            for prefix in ("", "val_", "test_")
            if not prefix or f"{prefix}inputs" in arrays
        }
        names = tuple(map(str, classes))
        return Given(parts[""], names, val=parts.get("val_"), test=parts.get("test_"))

    def prepare(self, train: Rows, val: Rows, test: Rows, inputs: Inputs) -> Prepared:
        """Standardised inputs."""
        axis = 1 if self.standardise == "columns" or (self.standardise == "auto" and train.ndim == 2) else None
        given = (0.0, 1.0) if self.standardise == "none" else self.given_moments
        called = "inputs" if axis is None else "inputs[:, {}]"
        moments = Moments.of(train, axis, given, lambda place: f"{self.path.name}: {called.format(place)}")
        parts = {"train": train, "val": val, "test": test}
        return Prepared([moments.standardised(part, inputs(name, part.shape)) for name, part in parts.items()])

    @contextmanager
    def _archive(self) -> Iterator[Any]:
        """The open archive."""
        try:
            # NumPy itself would take whatever it does not know for pickled objects, and propose to load them.
            if not is_zipfile(self.path):
                raise ValueError("it is no archive of arrays")
            with self.path.open("rb") as file:
                archive = np.load(file, allow_pickle=False)
                if not isinstance(archive, np.lib.npyio.NpzFile):
                    raise ValueError("it holds one array without a name")
                yield archive
        except DataError:
            raise
        except Exception as error:  # whatever the bytes of a file that is none make NumPy and zipfile say
            raise DataError(
                f"{self.path} can't be read as an .npz file ({error}). Write it with "
                "numpy.savez(path, inputs=…, labels=…)"
            ) from error

    def _arrays(self, room: Room) -> dict[str, NDArray[Any]]:
        with self._archive() as archive:
            known = {f"{prefix}{name}" for prefix in ("", "val_", "test_") for name in ("inputs", "labels")}
            pairs = [prefix for prefix in ("", "val_", "test_") if f"{prefix}inputs" in archive.files]
            lacking = any(f"{prefix}labels" not in archive.files for prefix in pairs)
            if "" not in pairs or set(archive.files) - known or lacking:
                raise DataError(
                    f"{self.path} holds the arrays {', '.join(archive.files) or 'none'}; expected inputs and labels, "
                    "and where there are parts of their own test_inputs and test_labels, val_inputs and val_labels."
                )
            return {name: self._array(archive, name, room) for name in archive.files}

    def _array(self, archive: Any, name: str, room: Room) -> NDArray[Any]:
        if _head(archive, name)[1].hasobject:
            raise DataError(
                f"{self.path}: the array {name} holds Python objects, which could run code when they are read. Save "
                "plain numbers or texts: numpy.savez(path, inputs=inputs.astype(float), labels=labels.astype(str))"
            )
        with archive.zip.open(f"{name}.npy") as stream:
            return room.loaded(f"{SCRATCH}{name}", stream)

    def _labels(self, arrays: Mapping[str, NDArray[Any]], prefix: str) -> tuple[NDArray[Any], str, Any]:
        name = f"{prefix}labels"
        labels, inputs = arrays[name], arrays[f"{prefix}inputs"]
        if labels.ndim != 1 or len(labels) != len(inputs):
            raise DataError(
                f"{self.path}: {name} is of shape {list(labels.shape)}; expected [{len(inputs)}], the class of each "
                "input. labels.ravel() drops an axis, labels.argmax(1) undoes one-hot."
            )
        return labels, name, lambda place: f"{self.path.name}, {name}[{place}]"

    def _examples(self, arrays: Mapping[str, NDArray[Any]], prefix: str, classes: list[Any]) -> Examples:
        name = f"{prefix}inputs"
        inputs, expected = arrays[name], list(arrays["inputs"].shape[1:])
        if inputs.dtype.kind not in "fiub" or inputs.ndim < 2 or inputs.size == 0:
            raise DataError(
                f"{self.path}: {name} is {inputs.dtype} of shape {list(inputs.shape)}; expected numbers of shape "
                "[n, d...], one row an example."
            )
        if list(inputs.shape[1:]) != expected:
            raise DataError(f"{self.path}: {name} is of shape {list(inputs.shape)}; expected {['n', *expected]}.")
        if inputs.dtype.kind == "f":
            finite = np.concatenate([_finite(inputs[part]) for part in slices(inputs)])
            for place in np.flatnonzero(~finite)[:1]:
                raise DataError(
                    f"{self.path}: {name}[{place}] holds NaN or an infinity, as {int((~finite).sum())} of "
                    f"{len(inputs)} do. Fill them in, or leave those examples out."
                )
        values, what, call = self._labels(arrays, prefix)
        labels = codes_of(values, classes, what, call)
        return Examples(
            Rows(inputs),
            labels,
            keys_of(inputs, labels),
            np.arange(len(inputs)),
            lambda place: f"{self.path.name}, {name}[{place}]",
        )


def _head(archive: Any, name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """An array's shape and type; nothing is read of what it holds."""
    with archive.zip.open(f"{name}.npy") as stream:
        old = np.lib.format.read_magic(stream) == (1, 0)
        read = np.lib.format.read_array_header_1_0 if old else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(stream)
    return shape, dtype


def _finite(inputs: NDArray[Any]) -> NDArray[np.bool_]:
    """Which rows hold neither NaN nor infinity, `[n]`."""
    finite: NDArray[np.bool_] = np.isfinite(inputs.reshape(len(inputs), -1)).all(1)
    return finite
