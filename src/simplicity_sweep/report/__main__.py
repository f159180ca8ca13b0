"""Make the report of a sweep from what MLflow holds: nothing is trained or measured."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simplicity_sweep.resolvers import project_folder

_MORE = """\
examples:
  python -m simplicity_sweep.report                                    the sweep that started last
  python -m simplicity_sweep.report 12-00-00-ab12 --decide rare_events
  python -m simplicity_sweep.report 12-00-00-ab12 --require 'accuracy >= 0.97' --prefer 'minimise flip_rate'
  python -m simplicity_sweep.report 12-00-00-ab12 13-00-00-cd34        both as one, on the same data
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 1 where the report can't be made.

    Args:
        arguments: the command line after the program's name; the process's own by default.
    """
    options = _parser().parse_args(arguments)

    # Only now: MLflow and Matplotlib take seconds to import, and `--help` needs neither.
    from simplicity_sweep.recorded import existing_store, find_sweep, last_sweep
    from simplicity_sweep.report.making import make_report
    from simplicity_sweep.report.results import ReportError
    from simplicity_sweep.store import TrackingError

    try:
        store = existing_store(options.uri, options.experiment)
        sweeps = [find_sweep(store, name) for name in options.sweeps]
        if not sweeps:
            last = last_sweep(store)
            if last is None:
                raise ReportError(f"No sweep is recorded in {store.shown} yet. Make one: make sweep")
            sweeps = [last]
        print(make_report(store, sweeps, decide=_decide(options), base=options.base, folder=options.out))
    except (ReportError, TrackingError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _decide(options: argparse.Namespace) -> dict[str, Any] | None:
    """What the command line asks; None where it asks nothing."""
    if options.decide is not None:
        return _ready_made(options.decide)
    if options.require or options.prefer:
        return {"require": options.require, "prefer": options.prefer}
    return None


def _ready_made(name: str) -> dict[str, Any]:
    import yaml

    from simplicity_sweep.report.results import ReportError

    folder = project_folder() / "conf" / "decide"
    names = sorted(path.stem for path in folder.glob("*.yaml"))
    if name not in names:
        raise ReportError(f"--decide {name}: no such rule. There are: {', '.join(names) or 'none'}, in {folder}.")
    rules: dict[str, Any] = yaml.safe_load((folder / f"{name}.yaml").read_text(encoding="utf-8"))
    return rules


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m simplicity_sweep.report",
        description=__doc__,
        epilog=_MORE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("sweeps", nargs="*", metavar="SWEEP", help="name, folder or run id (default: the last one)")
    parser.add_argument("--base", help="the setting that the others are compared with")
    asked = parser.add_argument_group("what is asked of a setting (default: what the sweep was started with)")
    asked.add_argument("--decide", metavar="NAME", help="a rule of conf/decide")
    asked.add_argument("--require", action="append", default=[], metavar="TEXT", help="a hard limit")
    asked.add_argument("--prefer", action="append", default=[], metavar="TEXT", help="a wish, or a soft limit")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="(default: report in the sweep's folder)")
    parser.add_argument("--uri", help="the tracking store (default: tracking.uri of the configuration)")
    parser.add_argument("--experiment", help="(default: tracking.experiment of the configuration)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
