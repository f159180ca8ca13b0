"""Any LightningDataModule: its loaders are read once into the tensors that all else works on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from simplicity_sweep.data.answers import Answers, answers_of, outputs_of_answers
from simplicity_sweep.data.errors import DataError, check_whole_number
from simplicity_sweep.data.kept import room_for_inputs
from simplicity_sweep.data.loaders import Loader, bytes_of, loader_of, seeded, told
from simplicity_sweep.data.residence import Resident
from simplicity_sweep.data.room import Room
from simplicity_sweep.data.sharing import Parts
from simplicity_sweep.data.split import Split
from simplicity_sweep.data.streamable import Streamable, Survey
from simplicity_sweep.data.weights import ClassWeights

_PARTS = ("train", "val", "test")
_NEEDED = ("prepare_data", "setup", *(f"{part}_dataloader" for part in _PARTS))
_NEVER_CALLED = ("transfer_batch_to_device", "on_before_batch_transfer", "on_after_batch_transfer")
_FLOAT32 = 4  # bytes


class Foreign(Streamable):
    """The data of a LightningDataModule that knows nothing of us.

    It is set up as Lightning does it, then every example of its three loaders is read, in the order of its datasets:
    the order of training is ours, as for all data. Its split and whatever else it draws depend on `split_seed` alone.
    Inputs are its own numbers as float32; nothing is standardised.

    Args:
        build: returns the module.
        arguments: what it is built from, as text: equal for the same data.
        module_name: what messages call it.
        batch_size: examples a training batch; None: as in its training loader.
        answers: see `Answers`.
        outputs: how many classes there are; None: as many as the largest one says.
        split_seed: seeds torch, NumPy and Python while the module is built, set up and read.
        order_seed, class_weights: see `TensorData`.
        root, resident: see `Streamable`.

    Raises:
        DataError: an argument is out of range; later, the module can't be used. The message names it and its loader.
    """

    besides = frozenset({"build", "prepared", "module", "loaders", "samples"})

    def __init__(
        self,
        build: Callable[[], Any],
        *,
        arguments: str,
        module_name: str,
        batch_size: int | None = None,
        answers: Answers = "auto",
        outputs: int | None = None,
        split_seed: int = 0,
        order_seed: int = 0,
        class_weights: ClassWeights = None,
        root: str | Path = ".",
        resident: Resident = "auto",
    ) -> None:
        if answers not in ("auto", "classes", "numbers"):
            raise DataError(f"Expected argument `answers` to be auto, classes or numbers, but got {answers!r}.")
        if outputs is not None:
            check_whole_number("outputs", outputs, least=2)
        super().__init__(
            root=root,
            resident=resident,
            val_size=1,  # not used: the validation part has a loader
            batch_size=1 if batch_size is None else batch_size,
            split_seed=split_seed,
            order_seed=order_seed,
            class_weights=class_weights,
        )
        self.arguments = arguments
        self.module_name = module_name
        self.answers: Answers = answers
        self.stated_outputs = outputs
        self.own_batch_size = batch_size is None
        self.build = build
        self.prepared = False
        self.module: Any = None
        self.loaders: dict[str, Loader] = {}
        self.samples: dict[str, tuple[Tensor, Tensor]] = {}

    @property
    def called(self) -> str:
        """The name of the module's class."""
        return self.module_name

    def fetch(self) -> None:
        """Lets the module prepare its data."""
        if not self.prepared:
            with seeded(self.split_seed), told(f"{self.called} can't prepare its data"):
                self._built().prepare_data()
        self.prepared = True

    def setup(self, stage: str | None = None) -> None:
        """Set what `TensorData.setup` sets, and the batch size."""
        super().setup(stage)
        self.module, self.loaders, self.samples = None, {}, {}  # which may hold all examples once more
        if self.own_batch_size:
            assert self.parts.batch_size is not None
            self.batch_size = self.parts.batch_size

    def contents(self) -> Hashable:
        """How many examples each loader has, and the bytes of some of them."""
        digest = hashlib.sha256()
        for part, loader in self._set_up().items():
            sample = self.samples[part]
            digest.update(f"{part} {len(loader)} {[list(tensor.shape) for tensor in sample]}".encode())
            for tensor in sample:
                digest.update(f"{tensor.dtype}".encode() + bytes_of(tensor))
        return digest.hexdigest(), self.loaders["train"].given.batch_size if self.own_batch_size else None

    def survey(self) -> Survey:
        """What the loaders and the first examples say."""
        loaders = self._set_up()
        shapes = {part: tuple(inputs.shape[1:]) for part, (inputs, _) in self.samples.items()}
        for part, shape in shapes.items():
            if shape != shapes["train"]:
                raise DataError(
                    f"{loaders[part].name} yields inputs of shape {list(shape)}, {loaders['train'].name} of shape "
                    f"{list(shapes['train'])}. Expected the same of all three."
                )
        examples = sum(map(len, loaders.values()))
        return Survey(examples * self.samples["train"][0][0].numel() * _FLOAT32, 0, self._parts_in)

    def _built(self) -> Any:
        """The module."""
        if self.module is None:
            with told(f"{self.called} can't be built"):
                module = self.build()
            if lacking := [name for name in _NEEDED if not callable(getattr(module, name, None))]:
                raise DataError(
                    f"{self.called} gives {type(module).__name__}, which is no LightningDataModule: it has no "
                    f"{lacking[0]}()."
                )
            for hook in _NEVER_CALLED:
                if getattr(getattr(module, hook, None), "__qualname__", f"DataHooks.{hook}") != f"DataHooks.{hook}":
                    raise DataError(
                        f"{self.called} overrides {hook}(), which nobody would call: its examples are read once. Do in "
                        "its datasets what that does."
                    )
            self.module = module
        return self.module

    def _set_up(self) -> dict[str, Loader]:
        """The loaders, by part; a sample of each has been read."""
        if not self.loaders:
            with seeded(self.split_seed):
                module = self._built()
                for stage in ("fit", "test"):
                    with told(f"{self.called}.setup({stage!r}) can't be called"):
                        module.setup(stage)
                    for part in _PARTS[:2] if stage == "fit" else _PARTS[2:]:
                        self.loaders[part] = loader_of(module, part, self.called)
                        self.samples[part] = self.loaders[part].sample()
        return self.loaders

    def _parts_in(self, room: Room) -> Parts:
        """The parts, on the CPU."""
        loaders = self._set_up()
        with seeded(self.split_seed):
            splits = {part: self._split(part, loader, room) for part, loader in loaders.items()}
        answers = {loader.name: splits[part].labels for part, loader in loaders.items()}
        outputs = outputs_of_answers(answers, self.stated_outputs)
        batch_size = loaders["train"].given.batch_size
        train, val, test = splits.values()
        return Parts(train, val, test, outputs, batch_size=batch_size, notes=tuple(self._notes()))

    def _split(self, part: str, loader: Loader, room: Room) -> Split:
        shape = self.samples[part][0].shape[1:]
        inputs = room_for_inputs(room, part, (len(loader), *shape))
        answers, filled = [], 0
        for given, given_answers in loader.batches(loader.indices):
            if given.shape[1:] != shape:
                raise DataError(
                    f"{loader.name} yields inputs of the shapes {list(shape)} and {list(given.shape[1:])}; expected "
                    "one."
                )
            place = slice(filled, filled + len(given))
            inputs[place] = given
            if not bool(inputs[place].isfinite().all()):
                raise DataError(
                    f"{loader.name} yields inputs that hold NaN or infinities, among the examples {filled} to "
                    f"{filled + len(given) - 1}. Fill them in, or leave those examples out."
                )
            answers.append(answers_of(given_answers, self.answers, loader.name))
            filled += len(given)
        return Split(inputs, torch.cat(answers))

    def _notes(self) -> list[str]:
        train, notes = self.loaders["train"], []
        if train.given.drop_last and len(train) % (train.given.batch_size or 1):
            notes.append(f"{train.name} drops the last, short batch of an epoch; here it is trained on.")
        if (dtype := self.samples["train"][0].dtype) != torch.float32:
            notes.append(f"{train.name} yields inputs of {dtype}; they are the same numbers as float32, not scaled.")
        return notes
