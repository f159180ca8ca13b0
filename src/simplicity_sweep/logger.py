"""What Lightning logs, written to a run."""

from __future__ import annotations

import logging
from argparse import Namespace
from collections import defaultdict
from collections.abc import Mapping
from math import isnan
from typing import Any

from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities import rank_zero_only

from simplicity_sweep.tracking import Run

_LOG = logging.getLogger(__name__)


class RunLogger(Logger):
    """A Lightning logger that writes curves by epoch to a run, and leaves starting and ending it to others.

    They are written some seconds' metrics at a time, and when the run ends, which is not when Lightning finalizes its
    loggers: a test may follow. Parameters are not taken from Lightning: a run is given its own when it starts.

    Args:
        run: where metrics go.
        written: the points, by metric and epoch, that the run holds already because it goes on after it was cut off.
            They are not written twice; one that comes out otherwise now is reported.

    Attributes:
        points: every point so far, by metric and epoch.

    Example:
        >>> import tempfile
        >>> from simplicity_sweep.tracking import Store
        >>> store = Store.open(f"sqlite:///{tempfile.mkdtemp()}/mlflow.db", "doctest")
        >>> logger = RunLogger(Run.start(store, name="0", params={}, tags={}))
        >>> logger.log_metrics({"val/loss": 2.3, "epoch": 4}, step=3752)
        >>> logger.run.end("FINISHED")
        >>> [loss] = store.client.get_metric_history(logger.version, "val/loss")
        >>> loss.step, loss.value
        (4, 2.3)
    """

    def __init__(self, run: Run, written: Mapping[tuple[str, int], float] | None = None) -> None:
        super().__init__()
        self.run = run
        self.points = dict(written or {})

    @property
    def name(self) -> str:
        """MLflow's id of the experiment."""
        return self.run.store.experiment_id

    @property
    def version(self) -> str:
        """MLflow's id of the run."""
        return self.run.id

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Takes metrics of one epoch: that which Lightning adds as `epoch`, else `step`, else 0.

        What comes with figures of the test is measured once, after training: one point at step 0, which MLflow draws as
        a bar.
        """
        final = any(key.startswith("test/") for key in metrics)
        at = 0 if final else int(metrics.get("epoch", step or 0))
        self.add({(key, at): float(value) for key, value in metrics.items() if key != "epoch"})

    def add(self, points: Mapping[tuple[str, int], float]) -> None:
        """Takes points by metric and epoch."""
        new: defaultdict[int, dict[str, float]] = defaultdict(dict)
        for (key, at), value in points.items():
            if (key, at) not in self.points:
                self.points[key, at] = new[at][key] = value
            elif (before := self.points[key, at]) != value and not (isnan(before) and isnan(value)):
                _LOG.warning("%s at %d was %r before the run was cut off, and is %r now.", key, at, before, value)
        for at, metrics in new.items():
            self.run.hold_metrics(metrics, at)

    def last(self, key: str) -> float:
        """The latest point of a curve.

        Raises:
            KeyError: there is none.
        """
        curve = self.curve(key)
        if not curve:
            raise KeyError(key)
        return curve[max(curve)]

    def curve(self, key: str) -> dict[int, float]:
        """The points of a curve, by epoch."""
        return {at: value for (name, at), value in self.points.items() if name == key}

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Nothing: see the class."""
