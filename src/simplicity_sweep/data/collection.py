"""The published files of one data set under a root folder: finding, fetching and reading them."""

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simplicity_sweep.data.errors import DataError
from simplicity_sweep.data.idx import parse_idx
from simplicity_sweep.data.published import PublishedFile
from simplicity_sweep.data.sources import Source

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Collection:
    """The files that make one data set, in `<root>/<name>/raw`: the layout of torchvision.

    Attributes:
        name: The data set's name, and that of its folder.
        home: The page on which a person finds the files.
        files: The published files, in the order in which `read` returns them.
        sources: Where to fetch from, in the order in which they are tried.
    """

    name: str
    home: str
    files: tuple[PublishedFile, ...]
    sources: tuple[Source, ...]

    def folder(self, root: Path) -> Path:
        """The folder that holds the files."""
        return root / self.name / "raw"

    def paths(self, root: Path) -> tuple[Path, ...]:
        """Where each file lies.

        Raises:
            DataError: one is missing.
        """
        found = [file.locate(self.folder(root)) for file in self.files]
        missing = [file.name for file, path in zip(self.files, found, strict=True) if path is None]
        if missing:
            raise DataError(
                f"{self.name} is not in {self.folder(root)}: {', '.join(missing)} missing. "
                "Call `prepare_data()` first; it fetches them."
            )
        return tuple(path for path in found if path is not None)

    def read(self, root: Path) -> tuple[NDArray[np.uint8], ...]:
        """The arrays of all files, each checked against its MD5.

        Raises:
            DataError: a file is missing, damaged or another one. It is left as it is: only its owner knows
                what it is worth.
        """
        arrays = []
        for file, path in zip(self.files, self.paths(root), strict=True):
            try:
                arrays.append(parse_idx(file.read(path), str(path)))
            except DataError as error:
                raise DataError(f"{error} Delete {path} and run again: it is then fetched anew.") from error
        return tuple(arrays)

    def fetch(self, root: Path) -> None:
        """Bring the missing files to their folder, from the first source that has them all.

        Each file is checked beside its place and then moved there whole, so that several processes may do
        this at once and none ever sees half a file.

        Raises:
            DataError: the folder cannot be written to, or no source had the files; one message names every
                source tried and why it failed.
        """
        folder = self.folder(root)
        missing = [file for file in self.files if file.locate(folder) is None]
        if not missing:
            return
        failures = []
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for source in self.sources:
                with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as stage:
                    logger.info("%s: fetching from %s", self.name, source)
                    failure = _bring(source, missing, Path(stage))
                    if failure is None:
                        for file in missing:
                            (Path(stage) / file.kept_as).replace(folder / file.kept_as)
                        return
                    failures.append(f"  - {source}: {failure}")
        except OSError as error:
            raise DataError(
                f"Expected `data.root` to be a folder to which {self.name} can be written, "
                f"but got {str(root)!r}: {error}. "
                f"Choose another, for example `data.root=$HOME/data`, or put the files into {folder}."
            ) from error
        raise DataError(self._nowhere(folder, failures))

    def _nowhere(self, folder: Path, failures: Sequence[str]) -> str:
        names = ", ".join(file.kept_as for file in self.files)
        return "\n".join(
            [
                f"{self.name} is not in {folder}, and could not be fetched. Tried:",
                *failures,
                f"Put {names} from {self.home} into {folder},",
                "or give this machine a way to one of the above, or choose `data=digits`, which needs no download.",
            ]
        )


def _bring(source: Source, files: Sequence[PublishedFile], stage: Path) -> str | None:
    """None once every file lies in `stage` in the form in which it is kept, else the reason why not."""
    try:
        source.fetch(files, stage)
        for file in files:
            path = file.locate(stage)
            if path is None:
                return f"it brought no {file.name}"
            content = file.read(path)
            if path.name != file.kept_as:  # kept without compression: it is read more often than fetched
                (stage / file.kept_as).write_bytes(content)
    except (DataError, OSError) as error:
        return str(error)
    return None
