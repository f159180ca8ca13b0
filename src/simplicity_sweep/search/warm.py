"""What an earlier sweep tells a search before its first trial."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import optuna
from mlflow.entities import Run as StoredRun
from optuna.trial import create_trial

from simplicity_sweep.composer import Composer
from simplicity_sweep.config import ConfigError
from simplicity_sweep.identity import result_hash
from simplicity_sweep.preflight import resolve
from simplicity_sweep.recorded import find_sweep
from simplicity_sweep.search.goals import mean_of
from simplicity_sweep.search.running import Plan
from simplicity_sweep.search.sampler import constrained
from simplicity_sweep.search.trial import Known
from simplicity_sweep.status import status_of
from simplicity_sweep.store import Store, TrackingError

_LOG = logging.getLogger(__name__)

Guess = Mapping[str, Any]


def warm_start(
    store: Store, sweep: str | None, plan: Plan, composer: Composer
) -> tuple[Sequence[Known], Sequence[Guess]]:
    """The results of an earlier sweep that count as trials of this search, and the settings to begin with.

    A run counts as a trial if this search would make the same one: equal `config_hash`, so the same data, length and
    seed. Of the others the values can't be compared; the best of their settings, at most a batch, are guesses.

    Args:
        store: where both are recorded.
        sweep: the earlier one: its name, its folder or MLflow's id; None for none.
        plan: of this search.
        composer: of its jobs' configurations.

    Raises:
        ConfigError: there is no such sweep, or it has nothing to tell.
    """
    if sweep is None:
        return [], []
    try:
        parent = find_sweep(store, sweep)
    except TrackingError as error:
        raise ConfigError(f"search.warm_start = {sweep!r}: {error}") from error
    runs = [run for run in store.children(parent.info.run_id) if status_of(run) == "FINISHED"]
    settings = _settings(runs, plan)
    if not settings:
        keys = ", ".join(plan.space.distributions)
        raise ConfigError(
            f"search.warm_start = {sweep!r}: none of its {len(runs)} finished runs has values of {keys} that this "
            "search may choose, and the figures that it looks for. Name another sweep, or leave search.warm_start out."
        )
    known, others = [], []
    for params, of in settings:
        same = _same(of, plan.space.jobs(params), composer)
        if same is None:
            others.append((params, mean_of([run.data.metrics for run in of])))
        else:
            source = " ".join(run.info.run_id for run in same)
            known.append(Known(params, mean_of([run.data.metrics for run in same]), source))
    guesses = _best(others, plan)
    _LOG.info(
        "From %s: %d settings count as trials, %d are tried first.", parent.data.tags["sweep"], len(known), len(guesses)
    )
    return known, guesses


def _settings(runs: Iterable[StoredRun], plan: Plan) -> list[tuple[dict[str, Any], list[StoredRun]]]:
    """The earlier settings that this search may try, each with its runs, which have the objectives' figures."""
    found: defaultdict[tuple[Any, ...], list[StoredRun]] = defaultdict(list)
    for run in runs:
        params = plan.space.understood(_words(run))
        if params is not None and plan.goals.values(run.data.metrics) is not None:
            found[tuple(params.values())].append(run)
    return [(dict(zip(plan.space.distributions, values, strict=True)), of) for values, of in found.items()]


def _words(run: StoredRun) -> dict[str, str]:
    """What a run was: its parameters, and before them its overrides as they were typed."""
    overrides = (line.partition("=") for line in run.data.tags.get("overrides", "").splitlines())
    return {**run.data.params, **{key: value for key, _, value in overrides}}


def _same(runs: Sequence[StoredRun], jobs: Sequence[Sequence[str]], composer: Composer) -> list[StoredRun] | None:
    """The runs that these jobs would make again, one for each; None where one is missing."""
    by_hash = {run.data.tags.get("config_hash"): run for run in runs}
    found = [by_hash.get(result_hash(resolve(composer.compose(list(job))))) for job in jobs]
    return [run for run in found if run is not None] if None not in found else None


def _best(settings: Sequence[tuple[Guess, Mapping[str, float]]], plan: Plan) -> list[Guess]:
    """The best of these settings, front by front, at most a batch of them."""
    violations = plan.goals.violations([metrics for _, metrics in settings])
    left = list(zip(settings, violations, strict=True))
    found: list[Guess] = []
    while left and len(found) < plan.at_once:
        study = optuna.create_study(directions=list(plan.goals.objectives.values()))
        study.add_trials(
            create_trial(values=plan.goals.values(metrics), user_attrs={"at": at}, system_attrs=constrained(broken))
            for at, ((_, metrics), broken) in enumerate(left)
        )
        front = {trial.user_attrs["at"] for trial in study.best_trials} or set(range(len(left)))
        found += [left[at][0][0] for at in sorted(front)]
        left = [one for at, one in enumerate(left) if at not in front]
    return found[: plan.at_once]
