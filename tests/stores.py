"""New stores for tests, without the second that MLflow takes to make the tables of each, and what is in them."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from mlflow.entities import Run as StoredRun
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from simplicity_sweep.store import Store
from simplicity_sweep.tracking import Run


def lay_out(folder: Path) -> str:
    """The address of a store in `folder` that has its tables and no experiment of ours; one that is there is kept."""
    path = folder / "mlflow.db"
    if not path.exists():
        shutil.copy(_tables(), path)
    return f"sqlite:///{path}"


def new_store(folder: Path) -> Store:
    """A store in `folder` with the experiment `tests`."""
    return Store.open(lay_out(folder), "tests")


def stored(run: Run) -> StoredRun:
    """A run as its store has it."""
    return run.store.client.get_run(run.id)


def curve(run: Run, metric: str) -> list[tuple[int, float]]:
    """The points of one of its curves, by step."""
    return [(point.step, point.value) for point in run.store.client.get_metric_history(run.id, metric)]


@cache
def _tables() -> Path:
    folder = Path(mkdtemp())
    path = folder / "mlflow.db"
    SqlAlchemyStore(f"sqlite:///{path}", folder.as_uri()).engine.dispose()
    return path
