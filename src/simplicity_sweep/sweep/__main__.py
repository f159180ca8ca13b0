"""What is to be done about sweeps that have been run."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from simplicity_sweep.outage import unreachable
from simplicity_sweep.outbox import Outbox, outboxes
from simplicity_sweep.recorded import address_behind, existing_store
from simplicity_sweep.resolvers import project_folder
from simplicity_sweep.store import Store, TrackingError, reason
from simplicity_sweep.sweep import Sweep, SweepRecord
from simplicity_sweep.sweep.delivery import UNCLOSED_FILE, Unclosed, deliver
from simplicity_sweep.sweep.tidy import close_dead, under_way
from simplicity_sweep.tracking import Run

_DELIVER = """\
Delivers what runs have kept in their folders while the tracking store could not be reached, in order, and closes the
sweeps that could not be closed. It can be ended and started again at any time. The exit status is 1 if anything stays.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 1 where something could not be done.

    Args:
        arguments: the command line after the program's name; the process's own by default.
    """
    options = _parser().parse_args(arguments)
    return int(options.run(options))


def _deliver(options: argparse.Namespace) -> int:
    folders = [folder.absolute() for folder in options.folders or _default_folders()]
    missing = [folder for folder in folders if not folder.is_dir()]
    if missing:
        print(f"{missing[0]}: no such folder", file=sys.stderr)
        return 1
    kept = [outbox for folder in folders for outbox in outboxes(folder)]
    unclosed = [path.parent for folder in folders for path in sorted(folder.rglob(UNCLOSED_FILE))]
    if not kept and not unclosed:
        print(f"Nothing is kept in {', '.join(map(str, folders)) or 'the project, which has no runs yet'}.")
        return 0
    try:
        delivered = [_deliver_one(outbox, options.uri) for outbox in kept]
        closed = [_close_one(folder, options.uri) for folder in unclosed]
    except TrackingError as error:
        print(error, file=sys.stderr)
        return 1
    return 0 if all(delivered) and all(closed) else 1


def _tidy(options: argparse.Namespace) -> int:
    try:
        store = existing_store(options.uri, options.experiment)
    except TrackingError as error:
        print(error, file=sys.stderr)
        return 1
    closed = close_dead(store)
    print(f"{len(closed)} closed as KILLED, {len(under_way(store))} still under way in {store.shown}")
    return 0


def _deliver_one(outbox: Outbox, uri: str | None) -> bool:
    """Whether nothing is left of it."""
    address = outbox.look()
    store = Store.at(uri or address_behind(address.store), address.experiment)
    try:
        done = deliver(outbox, store)
    except Exception as error:
        raise _away(error, store, f"{len(outbox)} writes stay in {outbox.folder}.") from None
    print(f"run {done.run}: {done.writes} writes delivered, of {outbox.run_folder}")
    if done.problem:
        print(f"run {done.run}: {len(outbox)} writes stay in {outbox.folder}: {done.problem}", file=sys.stderr)
    return done.problem is None


def _close_one(folder: Path, uri: str | None) -> bool:
    """Whether the sweep is closed."""
    if outboxes(folder):
        print(f"{folder}: not closed, as not everything is delivered", file=sys.stderr)
        return False
    record, unclosed = SweepRecord.read(folder), Unclosed.read(folder)
    if record is None:
        raise TrackingError(f"{folder} has no record of its sweep any more: it can't be closed.")
    store = Store.at(uri or address_behind(unclosed.store), record.experiment)
    sweep = Sweep(store, folder, Run(store, record.parent, folder=folder))
    sweep.jobs = record.jobs
    try:
        sweep.report(sweep.close(unclosed.interrupted, unclosed.ended))
    except Exception as error:
        raise _away(error, store, f"The sweep {folder} is not closed.") from None
    return True


def _away(error: Exception, store: Store, stays: str) -> Exception:
    """What is wrong with the store, for a person to read; `error` itself where it is not the store."""
    if not unreachable(error):
        return error
    why = reason(error)
    return TrackingError(
        f"The tracking store {store.shown} can't be reached ({why}). {stays} Nothing is lost: try again."
    )


def _default_folders() -> list[Path]:
    return [folder for name in ("multirun", "outputs") if (folder := project_folder() / name).is_dir()]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simplicity_sweep.sweep", description=__doc__)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    command = commands.add_parser(
        "deliver", help="deliver what was kept while the store was away", description=_DELIVER
    )
    command.add_argument(
        "folders",
        nargs="*",
        type=Path,
        metavar="FOLDER",
        help="of runs or sweeps (default: the project's multirun and outputs)",
    )
    command.add_argument("--uri", help="the tracking store (default: the one that the writes were meant for)")
    command.set_defaults(run=_deliver)
    command = commands.add_parser(
        "tidy", help="close the runs that the dead have left RUNNING", description=close_dead.__doc__
    )
    command.add_argument("--uri", help="the tracking store (default: tracking.uri of the configuration)")
    command.add_argument("--experiment", help="(default: tracking.experiment of the configuration)")
    command.set_defaults(run=_tidy)
    return parser


if __name__ == "__main__":
    sys.exit(main())
