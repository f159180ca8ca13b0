"""Arrays of the user's in one NumPy archive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal
from zipfile import is_zipfile

import numpy as np
from numpy.typing import NDArray

from simplicity_sweep.data.classes import classes_of, codes_of
from simplicity_sweep.data.errors import DataError
from simplicity_sweep.data.examples import Examples, keys_of
from simplicity_sweep.data.moments import Moments, Number
from simplicity_sweep.data.own import Given, OwnData, Prepared

Standardise = Literal["auto", "columns", "whole", "none"]
"""Each column by itself, all numbers alike, or not at all; "auto" is columns of vectors, else the whole."""


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

    def read(self) -> Given:
        """The examples of the archive."""
        arrays = self._archive()
        values, what, call = self._labels(arrays, "")
        classes = classes_of(values, what, call)
        parts = {
            prefix: self._examples(arrays, prefix, classes)
            for prefix in ("", "val_", "test_")
            if not prefix or f"{prefix}inputs" in arrays
        }
        names = tuple(map(str, classes))
        return Given(parts[""], names, val=parts.get("val_"), test=parts.get("test_"))

    def prepare(self, train: NDArray[Any], val: NDArray[Any], test: NDArray[Any]) -> Prepared:
        """Standardised inputs."""
        axis = 1 if self.standardise == "columns" or (self.standardise == "auto" and train.ndim == 2) else None
        given = (0.0, 1.0) if self.standardise == "none" else self.given_moments
        called = "inputs" if axis is None else "inputs[:, {}]"
        moments = Moments.of(train, axis, given, lambda place: f"{self.path.name}: {called.format(place)}")
        return Prepared([moments.standardised(part) for part in (train, val, test)])

    def _archive(self) -> dict[str, NDArray[Any]]:
        try:
            # NumPy itself would take whatever it does not know for pickled objects, and propose to load them.
            if not is_zipfile(self.path):
                raise ValueError("it is no archive of arrays")
            with self.path.open("rb") as file:
                archive = np.load(file, allow_pickle=False)
                arrays = {name: self._array(archive, name) for name in archive.files}
        except DataError:
            raise
        except Exception as error:  # whatever the bytes of a file that is none make NumPy and zipfile say
            raise DataError(
                f"{self.path} can't be read as an .npz file ({error}). Write it with "
                "numpy.savez(path, inputs=…, labels=…)"
            ) from error
        known = {f"{prefix}{name}" for prefix in ("", "val_", "test_") for name in ("inputs", "labels")}
        pairs = [prefix for prefix in ("", "val_", "test_") if f"{prefix}inputs" in arrays]
        if "" not in pairs or set(arrays) - known or any(f"{prefix}labels" not in arrays for prefix in pairs):
            raise DataError(
                f"{self.path} holds the arrays {', '.join(arrays) or 'none'}; expected inputs and labels, and where "
                "there are parts of their own test_inputs and test_labels, val_inputs and val_labels."
            )
        return arrays

    def _array(self, archive: Any, name: str) -> NDArray[Any]:
        try:
            array: NDArray[Any] = archive[name]
        except ValueError as error:
            raise DataError(
                f"{self.path}: the array {name} holds Python objects, which could run code when they are read. Save "
                "plain numbers or texts: numpy.savez(path, inputs=inputs.astype(float), labels=labels.astype(str))"
            ) from error
        return array

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
            finite = np.isfinite(inputs.reshape(len(inputs), -1)).all(1)
            for place in np.flatnonzero(~finite)[:1]:
                raise DataError(
                    f"{self.path}: {name}[{place}] holds NaN or an infinity, as {int((~finite).sum())} of "
                    f"{len(inputs)} do. Fill them in, or leave those examples out."
                )
        values, what, call = self._labels(arrays, prefix)
        labels = codes_of(values, classes, what, call)
        return Examples(
            inputs,
            labels,
            keys_of(inputs, labels),
            np.arange(len(inputs)),
            lambda place: f"{self.path.name}, {name}[{place}]",
        )
