"""Delivering what runs have kept while their store could not be reached."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from hydra.errors import CompactHydraException

from simplicity_sweep.outage import ask_briefly, unreachable
from simplicity_sweep.outbox import Busy, Outbox, deliver_command, outboxes
from simplicity_sweep.store import Store, reason
from simplicity_sweep.writes import Target

UNCLOSED_FILE = "unclosed.json"


class NotDelivered(CompactHydraException):
    """Something that was logged is not in the store yet; Hydra prints the message alone and exits with 1."""


@dataclass(frozen=True)
class Unclosed:
    """In a sweep's folder: the store could not be reached at its end, and it is to be closed later.

    Attributes:
        store: the address, without user and password.
        interrupted: whether the sweep was.
        ended: when, in milliseconds since the epoch.
    """

    store: str
    interrupted: bool
    ended: int

    @classmethod
    def read(cls, folder: Path) -> Unclosed:
        """That of a sweep's folder that has one."""
        return cls(**json.loads((folder / UNCLOSED_FILE).read_text()))

    def write(self, folder: Path) -> None:
        """Leaves it there."""
        (folder / UNCLOSED_FILE).write_text(f"{json.dumps(asdict(self))}\n")

    @staticmethod
    def forget(folder: Path) -> None:
        """The sweep is closed."""
        (folder / UNCLOSED_FILE).unlink(missing_ok=True)


@dataclass(frozen=True)
class Delivery:
    """What has become of an outbox.

    Attributes:
        run: the run's id.
        writes: how many have been delivered now.
        problem: why others stay; None where none do.
    """

    run: str
    writes: int
    problem: str | None


def deliver(outbox: Outbox, store: Store) -> Delivery:
    """Sends what is kept in `outbox` to `store`.

    Raises:
        Exception: the store can't be reached (see `outage.unreachable`).
    """
    ask_briefly(store)
    writes = 0
    target = Target(store)
    try:
        outbox.open(seconds=0)
        target.run = outbox.address.run
        for _ in outbox.deliver(target):
            writes += 1
    except Busy as error:
        return Delivery(outbox.folder.name, writes, f"{error}, whose run still goes on")
    except Exception as error:
        if unreachable(error):
            raise
        return Delivery(target.run or outbox.folder.name, writes, f"refused: {reason(error)}")
    finally:
        outbox.release()
    return Delivery(target.started, writes, None)


def not_delivered(folder: Path, store: Store, error: BaseException | None, then: str = "") -> NotDelivered:
    """What a user is told of what is kept below `folder`.

    Args:
        folder: of a run or a sweep.
        store: where it belongs.
        error: why that can't be reached; None where it can.
        then: what else delivering will do, e.g. ` and close the sweep`.
    """
    kept = outboxes(folder)
    away = f"The tracking store {store.shown} can't be reached ({reason(error)}). " if error else ""
    waiting = f"Not delivered yet, and kept in {folder}: {sum(map(len, kept))} writes, of {len(kept)} run(s). "
    return NotDelivered(f"{away}{waiting}To deliver them{then}, once the store is back: {deliver_command(folder)}")
