"""Optuna without its running commentary: a search says itself what it does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import optuna


@contextmanager
def optuna_quiet() -> Iterator[None]:
    """For the block's length Optuna tells of warnings only; afterwards of what it told before."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(verbosity)
