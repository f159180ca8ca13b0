"""How far a run came, for those who must not take a part for the whole."""

from __future__ import annotations

from typing import Literal, cast

from mlflow.entities import Run as StoredRun

PRUNED = "pruned"
"""The tag of a run that a search's pruner has stopped: after how many epochs, and which one."""

RunStatus = Literal["FINISHED", "FAILED", "KILLED", "RUNNING", "PRUNED"]


def status_of(run: StoredRun) -> RunStatus:
    """MLflow's status of a run; PRUNED for one that is FINISHED to MLflow, but was stopped early and never tested."""
    stopped = run.info.status == "FINISHED" and PRUNED in run.data.tags
    return "PRUNED" if stopped else cast(RunStatus, run.info.status)
