"""The ready-made page of a sweep in MLflow's own UI: its jobs as rows, what varies as columns, and charts.

Where an address says `viewStateShareKey=<key>`, MLflow opens the page that the experiment's tag
`mlflow.sharedViewState.<key>` describes. Its own button "Share" works so, but it is documented nowhere:
`plain_link` does without.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal
from urllib.parse import quote, urlencode, urlsplit

from mlflow.entities import Run as StoredRun

from simplicity_sweep.store import Store
from simplicity_sweep.tasks import Task, task_of

LOCAL = "http://127.0.0.1:5000"
"""Where `make ui` serves a store that is a file."""

_COMPLEXITY = "test/lz76_path"
_MOST_PARAMS, _MOST_DRAWN = 8, 50
_WAYS, _RESULTS, _EPOCHS = "From setting to result", "Results on the test set", "By epoch"
_CHARTS_A_ROW = {_WAYS: 1, _RESULTS: 2, _EPOCHS: 2}
_ANY_CHART = {"deleted": False, "isGenerated": False, "runsCountToCompare": _MOST_DRAWN}


def publish_page(store: Store, parent: str) -> None:
    """Writes down what the page of the sweep with the parent run `parent` shows; anew where it was before."""
    state = _state(parent, store.children(parent))
    store.client.set_experiment_tag(
        store.experiment_id, f"mlflow.sharedViewState.{parent}", json.dumps(state, separators=(",", ":"))
    )


def runs_link(store: Store, base: str | None = None) -> str:
    """The address of all runs of the store's experiment, on the server at `base`.

    Without `base` it is the tracking server, or for a store that is a file, the server that `make ui` starts.
    """
    if base is None:
        server = urlsplit(store.uri)
        bare = server._replace(netloc=server.netloc.rpartition("@")[2])  # no password in a printed link
        base = LOCAL if store.is_file else bare.geturl()
    return f"{base.rstrip('/')}/#/experiments/{store.experiment_id}/runs?workflowType=machine_learning"


def page_link(store: Store, parent: str, base: str | None = None, mode: Literal["CHART", "TABLE"] = "CHART") -> str:
    """The address of the page that `publish_page` wrote, at its charts or at its table; `base` as above."""
    return f"{runs_link(store, base)}&{urlencode({'viewStateShareKey': parent, 'compareRunsMode': mode})}"


def plain_link(store: Store, parent: str, base: str | None = None) -> str:
    """The address of the sweep's jobs, the best first, with columns and charts of MLflow's choice."""
    query = {
        "searchFilter": _filter(parent),
        "orderByKey": f"metrics.`test/{_task(store.children(parent)).headline}`",
        "orderByAsc": "false",
        "compareRunsMode": "CHART",
    }
    return f"{runs_link(store, base)}&{urlencode(query, quote_via=quote)}"


def _filter(parent: str) -> str:
    return f"tags.`mlflow.parentRunId` = '{parent}'"


def _state(parent: str, jobs: Sequence[StoredRun]) -> dict[str, Any]:
    """What MLflow's page is to hold, in its own words; what is not said here it chooses itself."""
    params, task = _varied(jobs), _task(jobs)
    known = {name for job in jobs for name in job.data.metrics}
    columns = [f"params.`{name}`" for name in params]
    columns += [f"metrics.`{name}`" for name in _main(task) if name in known]
    return {
        "searchFilter": _filter(parent),
        "orderByKey": f"metrics.`test/{task.headline}`",
        "orderByAsc": False,
        "selectedColumns": ["attributes.`Duration`", *columns],
        "columnOrder": columns,
        "runsHiddenMode": "SHOW_ALL" if len(jobs) <= _MOST_DRAWN else "FIRST_20_RUNS",
        "compareRunSections": [_section(name, columns) for name, columns in _CHARTS_A_ROW.items()],
        "isAccordionReordered": True,  # keeps these sections first
        "compareRunCharts": [
            {**_ANY_CHART, **chart, "uuid": f"simplicity-sweep-{number}"}
            for number, chart in enumerate(_charts(params, known, task))
        ],
    }


def _section(name: str, columns: int) -> dict[str, Any]:
    flags = {"display": True, "isReordered": True, "deleted": False, "isGenerated": False}
    return {"uuid": name, "name": name, "columns": columns, "cardHeight": 360, **flags}


def _charts(params: Sequence[str], known: set[str], task: Task) -> list[dict[str, Any]]:
    """Charts of those metrics that there are: MLflow would draw the others as empty frames."""
    headline, noise = f"test/{task.headline}", f"test/{task.noise}"
    parallel = {
        "type": "PARALLEL",
        "metricSectionId": _WAYS,
        "selectedParams": list(params),
        "selectedMetrics": [name for name in (noise, _COMPLEXITY, headline) if name in known],
        "showAllRuns": True,
    }
    scatters = [
        {
            "type": "SCATTER",
            "metricSectionId": _RESULTS,
            "xaxis": {"key": across, "type": "METRIC"},
            "yaxis": {"key": up, "type": "METRIC"},
        }
        for across, up in ((_COMPLEXITY, headline), (noise, _COMPLEXITY))
        if {across, up} <= known
    ]
    bars = [{"type": "BAR", "metricSectionId": _RESULTS, "metricKey": name} for name in _bars(task) if name in known]
    return [parallel, *bars[:1], *scatters, *bars[1:], *(_curve(name) for name in _curves(task) if name in known)]


def _task(jobs: Sequence[StoredRun]) -> Task:
    return task_of(jobs[0].data.params if jobs else {})


def _main(task: Task) -> tuple[str, ...]:
    return f"test/{task.headline}", _COMPLEXITY, f"test/{task.noise}", f"test/{task.change_rate}"


def _bars(task: Task) -> tuple[str, ...]:
    *most, changes = _main(task)
    return *most, "test/noise_l2_probabilities", changes, f"test/{task.jacobian}"


def _curves(task: Task) -> tuple[str, ...]:
    return f"val/{task.headline}", "val/lz76_path", f"val/{task.noise}", "val/loss", "train/loss"


def _curve(name: str) -> dict[str, Any]:
    return {
        "type": "LINE",
        "metricSectionId": _EPOCHS,
        "metricKey": name,
        "selectedMetricKeys": [name],
        "xAxisKey": "step",
        "xAxisScaleType": "linear",
        "scaleType": "linear",
        "yAxisKey": "metric",
        "yAxisExpressions": [],
        "range": {},
        "lineSmoothness": 0,
        "ignoreOutliers": False,
        "useGlobalXaxisKey": False,
        "useGlobalLineSmoothing": True,
    }


def _varied(jobs: Sequence[StoredRun]) -> list[str]:
    """Names of the parameters in which the jobs differ; of those that differ together, the first.

    `depth` and `depth.hidden_layers` say the same where each depth has a number of layers of its own.
    """
    distinct: dict[tuple[int, ...], str] = {}
    for name in sorted({name for job in jobs for name in job.data.params}):
        values = [job.data.params.get(name) for job in jobs]
        groups = tuple(values.index(value) for value in values)
        if any(groups):
            distinct.setdefault(groups, name)
    return list(distinct.values())[:_MOST_PARAMS]
