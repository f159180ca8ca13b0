"""One published file: how it may lie in a folder, and how it is known to be the right one."""

import gzip
import hashlib
import zlib
from dataclasses import dataclass
from pathlib import Path

from simplicity_sweep.data.errors import DataError
from simplicity_sweep.data.idx import parse_idx


@dataclass(frozen=True)
class PublishedFile:
    """A file of which a checksum is published.

    Attributes:
        name: Its name when not compressed, for example `train-images-idx3-ubyte`.
        md5: Its MD5, in hexadecimal: a checksum against damage, not against an attacker.
        zipped: Whether `md5` is that of `<name>.gz`. Such a file is only ever read from its `.gz`, because
            a file without compression could not be checked; any other is read as it is or from any `.gz` of
            it.
    """

    name: str
    md5: str
    zipped: bool = False

    @property
    def kept_as(self) -> str:
        """The name under which a fetched file is kept."""
        return f"{self.name}.gz" if self.zipped else self.name

    def locate(self, folder: Path) -> Path | None:
        """Where the file lies in `folder`, or None; without compression comes first."""
        names = dict.fromkeys([self.kept_as, f"{self.name}.gz"])
        return next((folder / name for name in names if (folder / name).is_file()), None)

    def read(self, path: Path) -> bytes:
        """The bytes of the file, not compressed, after its form and its MD5 were checked.

        Raises:
            DataError: `path` cannot be read, is truncated, is no IDX file, or has another MD5.
        """
        try:
            stored = path.read_bytes()
            content = gzip.decompress(stored) if path.suffix == ".gz" else stored
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{path} cannot be read: {error}") from error
        parse_idx(content, str(path))  # first, because "truncated" tells more than "another MD5"
        md5 = hashlib.md5(stored if self.zipped else content, usedforsecurity=False).hexdigest()
        if md5 != self.md5:
            raise DataError(f"{path} has other contents than those published: expected MD5 {self.md5}, but got {md5}.")
        return content
