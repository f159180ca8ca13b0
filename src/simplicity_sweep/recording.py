"""A run ended as its work ended, and what is said of one that failed."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simplicity_sweep import artifacts
from simplicity_sweep.memory import is_out_of_memory
from simplicity_sweep.tracking import Run, cut

_LOG = logging.getLogger(__name__)
_FAILURE_LENGTH = 250
_MEMORY_ADVICE = " – try a smaller data.batch_size, depth.width or hydra.launcher.max_group"


@contextmanager
def recording(run: Run) -> Iterator[Run]:
    """`run`, ended when the block ends, however it ends.

    An exception ends it as FAILED, with the traceback as artifact `traceback.txt` and one line of it in the
    tag `failure`. Ctrl-C ends it as KILLED, and so does `SystemExit`, which Lightning's Trainer makes of it.
    What was raised is raised again, even where the store can no longer be reached to write it down.

    Example:
        >>> import tempfile
        >>> from simplicity_sweep.store import Store
        >>> store = Store.open(f"sqlite:///{tempfile.mkdtemp()}/mlflow.db", "doctest")
        >>> run = Run.start(store, name="0", params={}, tags={})
        >>> with recording(run):
        ...     1 / 0
        Traceback (most recent call last):
            ...
        ZeroDivisionError: division by zero
        >>> store.client.get_run(run.id).data.tags["failure"]
        'ZeroDivisionError: division by zero'
    """
    try:
        yield run
        run.end("FINISHED")
    except Exception as error:
        with _logged_only(run):
            run.set_tags({"failure": _one_line(error), "failure.at": _place(error)})
            run.log_texts({artifacts.TRACEBACK: "".join(traceback.format_exception(error))})
        with _logged_only(run):
            run.end("FAILED")
        raise
    except BaseException:
        with _logged_only(run):
            run.end("KILLED")
        raise


@contextmanager
def _logged_only(run: Run) -> Iterator[None]:
    """An error of the store's is logged: another one is on its way already, and matters more."""
    try:
        yield
    except Exception as error:
        _LOG.error("Run %s: its end could not be written to %s (%s).", run.id, run.store.shown, error)


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    line = cut(f"{type(error).__name__}: {text}" if text else type(error).__name__, _FAILURE_LENGTH)
    if is_out_of_memory(error):
        return f"{cut(line, _FAILURE_LENGTH - len(_MEMORY_ADVICE))}{_MEMORY_ADVICE}"
    return line


def _place(error: BaseException) -> str:
    """The line that raised, e.g. `task.py:51`."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
