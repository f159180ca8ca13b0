"""The base of data that may be larger than the memory: they are surveyed before they are read."""

from __future__ import annotations

import hashlib
import logging
from abc import abstractmethod
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from simplicity_sweep.data.kept import Kept
from simplicity_sweep.data.residence import Resident, check_resident, lies_whole
from simplicity_sweep.data.room import Memory, Room
from simplicity_sweep.data.sharing import Parts
from simplicity_sweep.data.tensors import TensorData

FOLDER = "streamed"
"""Where in `root` data are kept that do not fit into memory."""

_FORM = 1  # of what is kept; another one is made anew
_BESIDES = {"root", "resident"}  # where inputs lie is none of what they are
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Survey:
    """What can be said of data before they are read.

    Attributes:
        nbytes: how many bytes all inputs will take, or a few more.
        scratch: how many more a disk needs while they are made.
        make: makes the parts, their inputs in the room that it is given.
    """

    nbytes: int
    scratch: int
    make: Callable[[Room], Parts]


class Streamable(TensorData):
    """A data module whose inputs lie in files, from which each batch is read, where they do not fit into memory.

    Args:
        root: the folder in which they are kept then: `root/streamed/<mark>`.
        resident: whether they are read into memory whole: see `Resident`.
        **options: see `TensorData`.
    """

    def __init__(self, *, root: str | Path = ".", resident: Resident = "auto", **options: Any) -> None:
        super().__init__(root=root, **options)
        check_resident(resident)
        self.resident = resident

    @abstractmethod
    def survey(self) -> Survey:
        """A first look."""

    @abstractmethod
    def contents(self) -> Hashable:
        """What tells the data from others that the same arguments might give."""

    def load(self) -> Parts:
        """The parts, in memory or in files."""
        kept = Kept(self.root / FOLDER / self._mark())
        known = kept.nbytes
        survey = self.survey() if known is None else None
        nbytes = survey.nbytes if survey is not None else known
        assert nbytes is not None
        if lies_whole(self.called, nbytes, self.resident, torch.device("cpu")):
            parts = (survey or self.survey()).make(Memory())
        elif survey is None:
            parts = kept.open()
        else:
            parts = kept.opened(survey.make, survey.nbytes + survey.scratch)
        for note in parts.notes:
            _LOG.warning("%s: %s", self.called, note)
        return parts

    def _mark(self) -> str:
        """16 hexadecimal digits that tell these data from others."""
        decisive = sorted((name, value) for name, value in self.decisive().items() if name not in _BESIDES)
        told = repr((_FORM, type(self).__qualname__, decisive, self.contents()))
        return hashlib.sha256(told.encode()).hexdigest()[:16]
