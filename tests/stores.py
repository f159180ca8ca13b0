"""New stores for tests, without the second that MLflow takes to make the tables of each."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from simplicity_sweep.store import Store


def lay_out(folder: Path) -> str:
    """The address of a store in `folder` that has its tables and no experiment of ours; one that is there is kept."""
    path = folder / "mlflow.db"
    if not path.exists():
        shutil.copy(_tables(), path)
    return f"sqlite:///{path}"


def new_store(folder: Path) -> Store:
    """A store in `folder` with the experiment `tests`."""
    return Store.open(lay_out(folder), "tests")


@cache
def _tables() -> Path:
    folder = Path(mkdtemp())
    path = folder / "mlflow.db"
    SqlAlchemyStore(f"sqlite:///{path}", folder.as_uri()).engine.dispose()
    return path
