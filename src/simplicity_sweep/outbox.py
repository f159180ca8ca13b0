"""What a run has written and its store has not taken yet: on disk, in order, until it is delivered.

It lies in `<the run's folder>/outbox/<id>`: `writes.jsonl`, to which a line is added for each write and for each
delivery, and the files meant for the store.
"""

from __future__ import annotations

import errno
import json
import os
import shlex
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from simplicity_sweep.store import TrackingError
from simplicity_sweep.writes import Artifacts, Start, Target, Write, as_record, as_write

FOLDER = "outbox"
RUN_ID_FILE = "mlflow_run_id"
"""The file in a job's folder that holds the id of its MLflow run."""

_WRITES, _FILES, _LOCK = "writes.jsonl", "files", ".lock"
_LOCK_SECONDS = 60  # another process delivers what is kept here


class Busy(TrackingError):
    """An outbox is in the hands of another process: its run goes on, or it is delivered already."""


@dataclass(frozen=True)
class Address:
    """Where an outbox's writes belong.

    Attributes:
        store: the tracking store's address, without user and password.
        experiment: MLflow's id of the experiment.
        run: MLflow's id of the run; None for one that could not be started.
    """

    store: str
    experiment: str
    run: str | None


@dataclass
class _Content:
    address: Address
    pending: list[tuple[str, Write]] = field(default_factory=list)


class Outbox:
    """The writes of one run that its store has not taken yet; one process's at a time, from the first one or `open` on,
    to `release`.

    A write is on the disk when `append` returns, and `deliver` takes them in their order. A process that was killed in
    between sends the last one again when it is started again, which changes nothing in the store.

    Args:
        folder: of this outbox alone; made with the first write.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Not a thread's own: a run's writes come from two.
        self._lock = FileLock(folder / _LOCK, thread_local=False)
        self._content: _Content | None = None

    @classmethod
    def of(cls, run_folder: Path, name: str) -> Outbox:
        """That of a run in `run_folder`, in which something may be kept already.

        Args:
            run_folder: the run's own.
            name: MLflow's id of the run, or the one that it had before it could be started.
        """
        place = run_folder.absolute() / FOLDER
        for outbox in map(cls, (path.parent for path in place.glob(f"*/{_WRITES}"))):
            content = outbox._read()
            if content and content.address.run == name:
                return outbox
        return cls(place / name)

    @property
    def run_folder(self) -> Path:
        """The folder of the run itself."""
        return self.folder.parents[1]

    @property
    def address(self) -> Address:
        """Where what is kept belongs; it must be open."""
        assert self._content is not None
        return self._content.address

    def look(self) -> Address:
        """Where what is kept belongs, looked up on disk.

        Raises:
            TrackingError: nothing is kept any more, or a line is not one of ours.
        """
        content = self._read()
        if content is None:
            raise TrackingError(f"{self.folder} is empty: another process has delivered it.")
        return content.address

    def __len__(self) -> int:
        """How many writes wait; it is looked up on disk unless this process has opened it."""
        content = self._content or self._read()
        return len(content.pending) if content else 0

    def open(self, seconds: float = _LOCK_SECONDS) -> None:
        """Reads what is kept, and keeps other processes out.

        Args:
            seconds: how long to wait for another process.

        Raises:
            Busy: another process has it.
            TrackingError: a line is not one of ours.
        """
        if self._content is not None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=seconds)
        except Timeout:
            raise Busy(f"{self.folder} is in use by another process") from None
        self._drop_torn_line()
        self._content = self._read()

    def append(self, write: Write, address: Address) -> None:
        """Keeps `write`, with a copy of the files that it names; `address` counts for the first one.

        Raises:
            TrackingError: the disk does not take it; what was kept before is whole.
        """
        one = uuid.uuid4().hex
        try:
            self.open()
            if self._content is None:
                self._content = self._begin(address)
            if isinstance(write, Artifacts):
                write = replace(write, source=self._copy(write.source, one))
            self._add({"id": one, **self._relative(write)})
        except OSError as error:
            shutil.rmtree(self.folder / _FILES / one, ignore_errors=True)
            if self._content is None and self._lock.is_locked:
                self._remove()
            raise TrackingError(
                f"The tracking store can't be reached, and {self.folder}, where writes are kept then, can't be written "
                f"either ({error}). Free space on its disk, or bring the store back, and run the job again."
            ) from error
        self._content.pending.append((one, write))

    def deliver(self, target: Target) -> Iterator[Write]:
        """Sends what is kept, the oldest first, and gives each write once it is done; then the outbox is gone.

        Raises:
            Exception: what sending the next one raises; it and the later ones stay.
        """
        while self._content is not None and self._content.pending:
            one, write = self._content.pending[0]
            write.send(target)
            if isinstance(write, Start):
                (self.run_folder / RUN_ID_FILE).write_text(f"{target.started}\n")
            self._add({"delivered": one, "run": target.started})
            self._content.pending.pop(0)
            yield write
        self._remove()

    def release(self) -> None:
        """Lets other processes have it."""
        self._content = None
        self._lock.release()

    def _begin(self, address: Address) -> _Content:
        self._add(vars(address))
        for folder in (self.folder, self.folder.parent, self.run_folder):
            _sync(folder)
        return _Content(address)

    def _drop_torn_line(self) -> None:
        """What a process that was killed, or a full disk, has left of a line goes, so that the next one starts anew."""
        path = self.folder / _WRITES
        if path.exists():
            os.truncate(path, path.read_bytes().rfind(b"\n") + 1)

    def _read(self) -> _Content | None:
        """What is on disk; a last line that was not written to its end counts as never begun."""
        try:
            *lines, _ = (self.folder / _WRITES).read_text(encoding="utf-8").split("\n")
        except FileNotFoundError:
            return None
        if not lines:
            return None
        try:
            first, *records = [json.loads(line) for line in lines]
            content = _Content(Address(**first))
            for record in records:
                self._replay(content, record)
        except (ValueError, TypeError, KeyError) as error:
            raise TrackingError(f"{self.folder / _WRITES} is not a record of writes ({error!r}).") from error
        return content

    def _replay(self, content: _Content, record: dict[str, Any]) -> None:
        if "delivered" in record:
            content.pending = [(one, write) for one, write in content.pending if one != record["delivered"]]
            content.address = replace(content.address, run=record["run"])
            return
        write = as_write({key: value for key, value in record.items() if key != "id"})
        if isinstance(write, Artifacts):
            write = replace(write, source=self.folder / write.source)
        content.pending.append((record["id"], write))

    def _relative(self, write: Write) -> dict[str, Any]:
        """As JSON; files by their place in the outbox, which may be moved."""
        if isinstance(write, Artifacts):
            write = replace(write, source=write.source.relative_to(self.folder))
        return as_record(write)

    def _copy(self, source: Path, one: str) -> Path:
        copy = self.folder / _FILES / one
        copy.mkdir(parents=True)
        if source.is_dir():
            shutil.copytree(source, copy, dirs_exist_ok=True)
        else:
            copy /= source.name
            shutil.copyfile(source, copy)
        for path in (copy, *copy.rglob("*")):
            _sync(path)
        return copy

    def _add(self, record: dict[str, Any]) -> None:
        """One line more, or none: what a full disk has taken of it is taken back."""
        line = f"{json.dumps(record)}\n".encode()
        with (self.folder / _WRITES).open("ab", buffering=0) as file:
            before = file.tell()
            try:
                if file.write(line) < len(line):  # of a disk that is full now
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(file.fileno())
            except BaseException:  # Ctrl-C, too
                file.truncate(before)
                raise

    def _remove(self) -> None:
        shutil.rmtree(self.folder / _FILES, ignore_errors=True)
        (self.folder / _WRITES).unlink(missing_ok=True)
        (self.folder / _LOCK).unlink()
        self.release()
        self.folder.rmdir()
        try:
            self.folder.parent.rmdir()
        except OSError:  # that of another run is there
            return


def outboxes(folder: Path) -> list[Outbox]:
    """Those anywhere below `folder` in which something waits, by their paths."""
    return [Outbox(path.parent) for path in sorted(folder.rglob(f"{FOLDER}/*/{_WRITES}")) if _is_begun(path)]


def _is_begun(path: Path) -> bool:
    """Whether a file of writes has its first line; a process that was killed may have left less."""
    try:
        return b"\n" in path.read_bytes()
    except FileNotFoundError:  # delivered by another process
        return False


def deliver_command(folder: Path) -> str:
    """What a user types to have the outboxes below `folder` delivered."""
    return shlex.join(["python", "-m", "simplicity_sweep.sweep", "deliver", str(folder)])


def _sync(path: Path) -> None:
    """Has the system write a file or a folder's list of names to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
