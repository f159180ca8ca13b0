"""The base of a user's own data: files that are read, checked, divided and prepared from the training part alone."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from inspect import Signature, signature
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from simplicity_sweep.data.classes import refuse_absent
from simplicity_sweep.data.errors import DataError
from simplicity_sweep.data.examples import Duplicates, Examples, refuse_shared, without_repeats
from simplicity_sweep.data.kept import room_for_inputs
from simplicity_sweep.data.partition import divide
from simplicity_sweep.data.residence import Resident
from simplicity_sweep.data.room import Room
from simplicity_sweep.data.sharing import Parts
from simplicity_sweep.data.sizes import Size, check_size, count_of
from simplicity_sweep.data.split import Split
from simplicity_sweep.data.streamable import Streamable, Survey
from simplicity_sweep.data.tensors import stamps
from simplicity_sweep.data.weights import ClassWeights

_MOSTLY = 0.9  # of one class

Inputs = Callable[[str, Sequence[int]], Tensor]
"""Where the inputs of a part, by its name, are to be written: float32, of this shape."""


@dataclass(frozen=True, eq=False)
class Given:
    """What the files hold.

    Attributes:
        whole: what is to be divided.
        names: of the classes; none where the answers are numbers or sets of labels.
        val, test: parts of their own, where there are any.
        notes: what a user should know of how they were read.
    """

    whole: Examples
    names: tuple[str, ...]
    val: Examples | None = None
    test: Examples | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Prepared:
    """The inputs of the parts.

    Attributes:
        inputs: float32 `[n, *shape]`, of the training, validation and test part.
        columns: names of a table's inputs.
        notes: what a user should know of how they were made.
    """

    inputs: Sequence[Tensor]
    columns: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class OwnData(Streamable):
    """A data set in files of the user's.

    A subclass says how they are read and how inputs are made of them. Here they are divided, stratified by class where
    there are classes, and what would make figures meaningless is refused: a class that a part lacks, an example that
    stands in two.

    Args:
        path: the file or folder.
        test_size: how many of its examples, or which share of them, are the test part; None where the test part has a
            file of its own.
        val_size: how many of its examples, or which share of them, are the validation part.
        duplicates: what is done with examples that stand in two parts: "error"; "drop", which lets equal examples
            count once; or "allow".
        root, resident: see `Streamable`.
        batch_size, split_seed, order_seed, class_weights: see `TensorData`.

    Raises:
        DataError: an argument is out of range; later, the data cannot be used. The message names file, row or column.
    """

    def __init_subclass__(cls) -> None:
        """Lets the signature of a subclass that passes `**options` on say what they are."""
        own = [p for p in signature(cls.__init__).parameters.values() if p.kind is p.KEYWORD_ONLY]
        shared = [p for name, p in signature(OwnData.__init__).parameters.items() if name != "self"]
        cls.__signature__ = Signature([*own, *shared])  # type: ignore[attr-defined]

    def __init__(
        self,
        *,
        path: str | Path,
        test_size: Size | None = 0.2,
        val_size: Size = 0.1,
        duplicates: Duplicates = "error",
        root: str | Path = ".",
        resident: Resident = "auto",
        batch_size: int = 64,
        split_seed: int = 0,
        order_seed: int = 0,
        class_weights: ClassWeights = None,
    ) -> None:
        super().__init__(
            root=root,
            resident=resident,
            val_size=val_size,
            batch_size=batch_size,
            split_seed=split_seed,
            order_seed=order_seed,
            class_weights=class_weights,
        )
        if test_size is not None:
            check_size("test_size", test_size)
        if duplicates not in ("error", "drop", "allow"):
            raise DataError(f"Expected argument `duplicates` to be error, drop or allow, but got {duplicates!r}.")
        self.path = Path(path).expanduser().absolute()
        self.test_size = test_size
        self.duplicates: Duplicates = duplicates

    @abstractmethod
    def surveyed(self) -> tuple[Any, int, int]:
        """What `read` needs to know; how many bytes float32 inputs will take, or a few more; and how many more those
        that `read` puts into its room take."""

    @abstractmethod
    def read(self, known: Any, room: Room) -> Given:
        """What the files hold."""

    @abstractmethod
    def prepare(self, train: Any, val: Any, test: Any, inputs: Inputs) -> Prepared:
        """The inputs of the parts, from their rows; whatever is fitted is fitted on the training part alone."""

    def fetch(self) -> None:
        """Nothing is fetched; that the files are there is checked.

        Raises:
            DataError: one is missing.
        """
        for path in self.files():
            if not path.exists():
                raise DataError(f"{path} does not exist. Give the path of your data: data.path=…")

    def files(self) -> Sequence[Path]:
        """The file or folder."""
        return (self.path,)

    def sources(self) -> Sequence[Path]:
        """Every file whose content counts."""
        return self.files()

    @property
    def called(self) -> str:
        """The file or folder."""
        return self.path.name

    def contents(self) -> Hashable:
        """When each file was changed last, and how large it is."""
        return stamps(self.sources())

    def survey(self) -> Survey:
        """What the files say of themselves."""
        with self._saying_where():
            known, nbytes, scratch = self.surveyed()
        return Survey(nbytes, scratch, partial(self._made, known))

    def _made(self, known: Any, room: Room) -> Parts:
        with self._saying_where():
            return self._parts_in(self.read(known, room), room)

    @contextmanager
    def _saying_where(self) -> Iterator[None]:
        """What is said of a class or a column does not know the file."""
        try:
            yield
        except DataError as error:
            named = any(path.name in str(error) for path in (self.path, *self.files()))
            raise error if named else DataError(f"{self.path}: {error}") from error

    def _parts_in(self, given: Given, room: Room) -> Parts:
        """The parts, on the CPU, with the classes' names."""
        notes = list(given.notes)
        whole = given.whole
        if self.duplicates == "drop":
            whole, dropped = without_repeats(whole, given.test)
            if dropped:
                notes.append(f"{dropped} examples that are equal to others were left out (data.duplicates=drop).")
        parts = self._divided(whole, given)
        if given.names:
            refuse_absent({name: part.labels for name, part in parts.items()}, given.names)
        if self.duplicates != "allow":
            refuse_shared(parts)
        train, val, test = (part.rows for part in parts.values())
        prepared = self.prepare(train, val, test, partial(room_for_inputs, room))
        labels = [torch.from_numpy(part.labels) for part in parts.values()]
        of_train, of_val, of_test = map(Split, prepared.inputs, labels)
        return Parts(
            *(of_train, of_val, of_test),
            outputs=len(given.names) or of_train.labels.shape[1],
            names=given.names,
            columns=prepared.columns,
            notes=(*notes, *prepared.notes, *_lopsided(of_test.labels, given.names)),
        )

    def _divided(self, whole: Examples, given: Given) -> dict[str, Examples]:
        """The training, validation and test part."""
        if given.test is None and self.test_size is None:
            raise DataError("data.test_size = null: there is no test part of its own. Give a share, e.g. 0.2")
        asked = {"val": self.val_size if given.val is None else None}
        asked["test"] = self.test_size if given.test is None else None
        sizes = {name: count_of(size, len(whole)) for name, size in asked.items() if size is not None}
        keys = [f"data.{name}_size" for name in sizes]
        # Where there are no classes, all examples are of one.
        strata = (whole.labels, given.names) if given.names else (np.zeros(len(whole), np.int64), ("any",))
        drawn = divide(strata[0], list(sizes.values()), keys, self.split_seed, strata[1])
        parts = {name: whole.take(indices) for name, indices in zip([*sizes, "train"], drawn, strict=True)}
        val = parts["val"] if given.val is None else given.val
        test = parts["test"] if given.test is None else given.test
        return {"training": parts["train"], "validation": val, "test": test}


def _lopsided(labels: Tensor, names: Sequence[str]) -> Iterator[str]:
    """Whether the test part is mostly of one class."""
    if names:
        counts = torch.bincount(labels)
        share = float(counts.max()) / len(labels)
        if share >= _MOSTLY:
            yield (
                f"{share:.1%} of the test part are of class {names[int(counts.argmax())]!r}: a network that says "
                "nothing else has this accuracy. data.class_weights=balanced lets the others count as much in training."
            )
