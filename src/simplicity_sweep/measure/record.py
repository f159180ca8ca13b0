"""What was measured, as an MLflow run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml
from mlflow.exceptions import MlflowException

from simplicity_sweep import artifacts
from simplicity_sweep.config import ConfigError
from simplicity_sweep.environment import environment_yaml, provenance
from simplicity_sweep.measure.table import figures_json
from simplicity_sweep.probe import Figures
from simplicity_sweep.recording import recording
from simplicity_sweep.tracking import Run, Store

FIGURES = "figures.json"
"""The artifact that holds the figures as the command prints them with `--json`."""

_KEPT = ("seed", "data", "measure", "trainer")


def record(store: Store, figures: Figures, about: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    """Writes a run with the tag `role` = measure: metrics at step 0, reasons as tags `undefined/<name>`; as artifacts
    the figures, the configuration and the environment. Returns where it is, for a person to read.

    Raises:
        ConfigError: the store can't be written to; a run that was begun is FAILED then.
    """
    kept = {key: config[key] for key in _KEPT}
    tags = {"role": "measure", **provenance(), **{f"undefined/{name}": why for name, why in figures.undefined.items()}}
    probe = config["measure"]["probe"]["test"]
    params = {**about, "measure.sigma": probe["sigma"], "measure.paths": probe["paths"]}
    try:
        with recording(Run.start(store, name=f"measure {about['subject']}", params=params, tags=tags)) as run:
            run.hold_metrics(figures.values, 0)
            run.log_texts(
                {
                    FIGURES: figures_json(figures, about),
                    artifacts.CONFIG: yaml.safe_dump(kept, sort_keys=False),
                    artifacts.ENVIRONMENT: environment_yaml(),
                }
            )
    except MlflowException as error:
        raise ConfigError(
            f"tracking.uri = {store.shown!r}: the figures can't be recorded ({error}). They stand above; record them "
            "elsewhere with tracking.uri=sqlite:////absolute/path/mlflow.db"
        ) from error
    return f"MLflow run {run.id} in {store.shown}"
