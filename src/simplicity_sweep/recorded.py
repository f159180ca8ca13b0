"""What is recorded already: the store that a user means, and the sweeps in it."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import cast

from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from omegaconf import DictConfig, OmegaConf

from simplicity_sweep.credentials import without_user
from simplicity_sweep.resolvers import project_folder, register
from simplicity_sweep.store import Store, TrackingError

_RUN_ID = re.compile(r"[0-9a-f]{32}")


def existing_store(uri: str | None, experiment: str | None) -> Store:
    """The store asked for, else the configuration's; looking at it does not make one.

    Raises:
        TrackingError: there is none.
    """
    tracking = _configured()
    if (uri is None or experiment is None) and not tracking:
        raise TrackingError(f"{_default()} is not there. Name the store: --uri URI --experiment NAME")
    uri, experiment = uri or tracking.uri, experiment or tracking.experiment
    if uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).is_file():
        raise TrackingError(f"There is no store at {uri} yet. Record something first: make sweep")
    return Store.open(uri, experiment)


def address_behind(shown: str) -> str:
    """The store's address that was written down as `shown`, without user and password: that of `MLFLOW_TRACKING_URI` or
    of the configuration if it is the same store, for they may hold both; else itself."""
    for uri in (os.environ.get("MLFLOW_TRACKING_URI"), _configured().get("uri")):
        if uri is not None and "://" in uri and not uri.startswith("sqlite:") and without_user(uri) == shown:
            return str(uri)
    return shown


def _default() -> Path:
    return project_folder() / "conf" / "tracking" / "mlflow.yaml"


def _configured() -> DictConfig:
    """The configuration's group `tracking`, empty where there is none."""
    register()
    return cast(DictConfig, OmegaConf.load(_default())) if _default().is_file() else OmegaConf.create()


def last_sweep(store: Store) -> Run | None:
    """The parent run of the sweep that started last; None before the first."""
    found = _parents(store, "tags.role = 'sweep'", 1)
    return found[0] if found else None


def find_sweep(store: Store, name: str) -> Run:
    """The parent run of a sweep.

    Args:
        store: where it is recorded.
        name: the sweep's name, its folder, or MLflow's id of its parent run.

    Raises:
        TrackingError: there is no such sweep.
    """
    if _RUN_ID.fullmatch(name):
        try:
            return store.client.get_run(name)
        except MlflowException:
            raise _unknown(store, name) from None
    record = Path(name) / "sweep.json"
    if record.is_file():
        return find_sweep(store, str(json.loads(record.read_text())["parent"]))
    plain = Path(name).name.replace("'", "")
    found = _parents(store, f"tags.role = 'sweep' and tags.sweep = '{plain}'", 1)
    if not found:
        raise _unknown(store, name)
    return found[0]


def _parents(store: Store, matching: str, most: int) -> list[Run]:
    return list(
        store.client.search_runs(
            [store.experiment_id],
            filter_string=matching,
            order_by=["attributes.start_time DESC"],
            max_results=most,
        )
    )


def _unknown(store: Store, name: str) -> TrackingError:
    last = ", ".join(str(run.data.tags.get("sweep")) for run in _parents(store, "tags.role = 'sweep'", 5))
    return TrackingError(f"{name}: no such sweep in {store.shown}. The last ones there: {last or 'none'}.")
