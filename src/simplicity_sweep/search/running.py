"""Running a search: batch after batch is chosen, launched as one and judged by what MLflow holds of it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from mlflow.entities import Run as StoredRun
from optuna.distributions import distribution_to_json

from simplicity_sweep import artifacts
from simplicity_sweep.composer import Composer
from simplicity_sweep.config import ConfigError
from simplicity_sweep.identity import result_hash
from simplicity_sweep.launcher import ComposingLauncher
from simplicity_sweep.outage import unreachable
from simplicity_sweep.outbox import outboxes
from simplicity_sweep.preflight import resolve
from simplicity_sweep.search.goals import Goals, mean_of
from simplicity_sweep.search.pruner import Judge, Pruner, Rivals
from simplicity_sweep.search.quiet import optuna_quiet
from simplicity_sweep.search.sampler import Sampler
from simplicity_sweep.search.space import Space
from simplicity_sweep.search.study import Study
from simplicity_sweep.search.trial import Course, Trial
from simplicity_sweep.status import status_of
from simplicity_sweep.store import Store
from simplicity_sweep.sweep import Sweep
from simplicity_sweep.sweep.delivery import deliver, not_delivered
from simplicity_sweep.sweep.resume import earlier_sweep, folder_of, jobs_of, refuse_taken, tell_of_other_code

_LOG = logging.getLogger(__name__)
_FILE = "study.db"
RESULTS = "optimization_results.yaml"


@dataclass(frozen=True)
class Plan:
    """A search as it was asked for.

    Attributes:
        space: what may be tried.
        goals: what counts.
        sampler: what chooses.
        pruner: what stops runs early; None for nothing.
        trials: how many settings are tried.
        at_once: how many of them are trained together.
        most_failures: which share of a batch's trials may fail before the search ends.
        storage: Optuna's, for the study; None for a file in the sweep's folder.
        study: the study's name; None for the sweep's.
        stop_on_error: whether a failed job ends the search.
    """

    space: Space
    goals: Goals
    sampler: Sampler
    pruner: Pruner | None
    trials: int
    at_once: int
    most_failures: float
    storage: Any
    study: str | None
    stop_on_error: bool

    def __post_init__(self) -> None:
        if self.pruner is None:
            return
        if len(self.goals.objectives) > 1:
            raise ConfigError(
                f"hydra.sweeper.pruner: a curve can be judged by one objective, and this search has "
                f"{len(self.goals.objectives)}: {', '.join(self.goals.objectives)}. Name one, e.g. "
                "hydra.sweeper.direction=maximize for what a job returns, or leave the pruner out."
            )
        if len(self.space.replicates) > 1:
            raise ConfigError(
                f"hydra.sweeper.pruner: a run is judged by its own curve, and each setting has "
                f"{len(self.space.replicates)} here, one for each seed. Search with one seed and train what it finds "
                "with several, or leave the pruner out."
            )

    def described(self) -> str:
        """What a report must know of it, as YAML."""
        told = {
            "objectives": dict(self.goals.objectives),
            "limits": [str(limit) for limit in self.goals.limits],
            "space": {key: distribution_to_json(one) for key, one in self.space.distributions.items()},
            "sampler": self.sampler.name,
            "pruner": None if self.pruner is None else self.pruner.name,
            "trials": self.trials,
            "at_once": self.at_once,
        }
        return str(yaml.safe_dump(told, sort_keys=False))


class Search:
    """A search under way.

    Args:
        plan: what was asked for.
        store: where its jobs are recorded.
        folder: the sweep's, if it is a new one.
        arguments: the command's.

    Attributes:
        ended_early: whether it ended for what failed.
    """

    def __init__(self, plan: Plan, store: Store, folder: Path, arguments: Sequence[str]) -> None:
        self.plan = plan
        self.store = store
        self.folder = folder
        self.arguments = arguments
        self.ended_early = False
        self._earlier: StoredRun | None = None

    def go_on(self, asked: bool | str) -> None:
        """Takes up an earlier search, if there is one.

        Args:
            asked: the key `resume`.

        Raises:
            ConfigError: that sweep doesn't exist, is no search, or its folder isn't here.
        """
        earlier = earlier_sweep(self.store, asked, self.arguments, self.folder) if asked else None
        if earlier is not None and "search" not in earlier.data.tags:
            if asked is not True:
                raise ConfigError(f"resume = {asked!r}: that sweep is no search. Leave resume out for a new one.")
            earlier = None
        if earlier is None:
            refuse_taken(self.folder)
            if asked:
                _LOG.info(
                    "resume = true: no earlier search of this command is in %s; a new one starts.", self.store.shown
                )
            return
        self._earlier, self.folder = earlier, folder_of(earlier, asked)
        tell_of_other_code(run for run in jobs_of(self.store, earlier) if run.info.status == "FINISHED")

    @contextmanager
    def recording(self) -> Iterator[tuple[Sweep, Study]]:
        """The sweep's record and the study while the jobs run: see `Sweep.recording`."""
        earlier = None if self._earlier is None else self._earlier.info.run_id
        with optuna_quiet(), Sweep.recording(self.store, self.folder, self._begin, earlier) as sweep:
            sweep.run.log_texts({artifacts.SEARCH: self.plan.described()})
            yield sweep, self._study(sweep)

    def _begin(self) -> Sweep:
        jobs = self.plan.trials * len(self.plan.space.replicates)
        if self._earlier is not None:
            return Sweep.go_on(self.store, self._earlier, None, jobs)
        sweep = Sweep.open(self.store, folder=self.folder, overrides=self.arguments)
        sweep.run.set_tags({"search": self.plan.sampler.name})
        sweep.expect(jobs)
        return sweep

    def _study(self, sweep: Sweep) -> Study:
        plan = self.plan
        storage = plan.storage or f"sqlite:///{sweep.folder / _FILE}"
        study = Study.opened(storage, plan.study, sweep.folder.name, plan.space, plan.goals, plan.sampler)
        trials = study.trials()
        spared = [trial for trial in trials if trial.job is None]
        if spared:
            sweep.expect(-len(spared) * len(plan.space.replicates))
        if trials:
            found = self._figures(self._runs(sweep), trials)
            for trial in trials:
                if not trial.open:
                    study.remember(trial, found.get(trial.number))
            done = sum(not trial.open for trial in trials)
            _LOG.info("Goes on in %s: %d of %d trials are finished.", sweep.folder, done, plan.trials)
        return study

    def run(self, sweep: Sweep, study: Study, launcher: Launcher, composer: Composer) -> list[list[JobReturn]]:
        """The returns of the jobs that were launched, batch by batch.

        Args:
            sweep: the record.
            study: the trials.
            launcher: runs the jobs.
            composer: of their configurations.
        """
        if isinstance(launcher, ComposingLauncher):
            launcher.composer, launcher.stop_on_error = composer, self.plan.stop_on_error
        returns: list[list[JobReturn]] = []
        before = {trial.number for trial in study.trials()}
        while batch := study.batch(self.plan.at_once, self.plan.trials):
            spared = [trial for trial in batch if trial.job is None and trial.number not in before]
            if spared:
                sweep.expect(-len(spared) * len(self.plan.space.replicates))
            rivals = self._rivals(sweep, study, batch)
            returns.append(self._launched(sweep, batch, launcher, composer))
            self.ended_early = self._judge(sweep, study, batch, rivals)
            sweep.run.log_texts({artifacts.TRIALS: json.dumps(study.described())})
            if self.ended_early:
                break
        return returns

    def _rivals(self, sweep: Sweep, study: Study, batch: Sequence[Trial]) -> Rivals | None:
        """What the runs of a batch are judged against, left for them in the sweep's folder; None without a pruner."""
        if self.plan.pruner is None:
            return None
        [(metric, direction)] = self.plan.goals.objectives.items()
        rivals = Rivals(
            pruner=self.plan.pruner.config,
            metric=metric,
            direction=direction,
            study=study.name,
            trials=study.rivals(batch, self.plan.at_once),
            numbers={trial.job: trial.number for trial in batch if trial.job is not None},
        )
        rivals.write(sweep.folder)
        return rivals

    def _launched(
        self, sweep: Sweep, batch: Sequence[Trial], launcher: Launcher, composer: Composer
    ) -> list[JobReturn]:
        """The returns of those jobs of a batch that are not finished yet."""
        asked = {
            trial.job + place: overrides
            for trial in batch
            if trial.job is not None
            for place, overrides in enumerate(self.plan.space.jobs(trial.params))
        }
        finished = self._finished(sweep, asked, composer) if self._earlier is not None else set()
        left = [number for number in asked if number not in finished]
        alone = self.plan.stop_on_error and not isinstance(launcher, ComposingLauncher)
        returns: list[JobReturn] = []
        for numbers in _stretches(left, alone):
            returns += launcher.launch([asked[number] for number in numbers], initial_job_idx=numbers[0])
            if alone and returns[-1].status is not JobStatus.COMPLETED:
                break
        return returns

    def _finished(self, sweep: Sweep, asked: Mapping[int, Sequence[str]], composer: Composer) -> set[int]:
        """Which of these jobs are finished already."""
        hashes = {
            run.data.tags.get("config_hash"): run.info.status == "FINISHED" for run in self.store.children(sweep.run.id)
        }
        return {
            number
            for number, overrides in asked.items()
            if hashes.get(result_hash(resolve(composer.compose(list(overrides)))))
        }

    def _judge(self, sweep: Sweep, study: Study, batch: Sequence[Trial], rivals: Rivals | None) -> bool:
        """Takes a batch's results; whether the search is to end for what failed."""
        runs = self._runs(sweep)
        found = self._figures(runs, batch)
        own = [trial for trial in batch if trial.job is not None]
        broken = [trial for trial in own if found[trial.number] is None]
        stops = bool(broken) and self.plan.stop_on_error
        # Of a search that stops, what was not run to its end stays open for one that goes on.
        told = [trial for trial in own if not stops or trial not in broken]
        courses = {trial.number: self._course(trial, runs, rivals) for trial in told if trial not in broken}
        failed = sum(not study.result(trial, found[trial.number], courses.get(trial.number)) for trial in told)
        for trial in batch:
            if trial.job is None and not stops:
                study.repeat(trial)
        lost = len(broken) if stops else failed
        if lost:
            _LOG.warning("%d of %d trials of this batch failed.", lost, len(own))
        too_many = bool(own) and lost / len(own) > self.plan.most_failures
        if too_many:
            _LOG.error("The search ends: more than hydra.sweeper.max_failure_rate = %g.", self.plan.most_failures)
        return stops or too_many

    def _course(self, trial: Trial, runs: Mapping[int, StoredRun], rivals: Rivals | None) -> Course | None:
        """How the run of a trial went, as MLflow holds it; None of a whole one without a pruner."""
        assert trial.job is not None
        run = runs[trial.job]
        if rivals is None:  # the search may have had a pruner when the run was made
            return Course(pruned=True) if status_of(run) == "PRUNED" else None
        points = self.store.client.get_metric_history(run.info.run_id, rivals.metric)
        curve = {point.step + 1: point.value for point in points}
        judge = Judge(rivals, trial.number)
        judge.stops(curve)
        return Course(curve, judge.notes(), status_of(run) == "PRUNED")

    def _runs(self, sweep: Sweep) -> dict[int, StoredRun]:
        """The jobs' runs by their numbers.

        Raises:
            NotDelivered: the store can't be reached: nobody knows the results.
        """
        try:
            for outbox in outboxes(sweep.folder):
                deliver(outbox, self.store)
            if outboxes(sweep.folder):
                raise not_delivered(sweep.folder, self.store, None)
            children = self.store.children(sweep.run.id)
        except Exception as error:
            if not unreachable(error):
                raise
            raise not_delivered(sweep.folder, self.store, error) from None
        return {int(run.data.tags["job"]): run for run in children if "job" in run.data.tags}

    def _figures(self, runs: Mapping[int, StoredRun], trials: Iterable[Trial]) -> dict[int, dict[str, float] | None]:
        """By the trials' numbers, the means of their jobs' figures; None where one is not finished."""
        replicates = len(self.plan.space.replicates)
        return {
            trial.number: _mean([runs.get(trial.job + place) for place in range(replicates)])
            for trial in trials
            if trial.job is not None
        }


def results_yaml(goals: Goals, best: Sequence[tuple[Mapping[str, Any], Sequence[float]]]) -> str:
    """The best settings in the form in which Hydra's own plugin for Optuna leaves them.

    Example:
        >>> print(results_yaml(Goals({"val/accuracy": "maximize"}), [({"optim.lr": 0.1}, [0.9])]), end="")
        name: optuna
        best_params:
          optim.lr: 0.1
        best_value: 0.9
    """
    told: dict[str, Any] = {"name": "optuna"}
    if len(goals.objectives) > 1:
        told["solutions"] = [{"params": dict(params), "values": list(values)} for params, values in best]
    elif best:
        told |= {"best_params": dict(best[0][0]), "best_value": best[0][1][0]}
    return str(yaml.safe_dump(told, sort_keys=False))


def _mean(runs: Sequence[StoredRun | None]) -> dict[str, float] | None:
    finished = [run for run in runs if run is not None and run.info.status == "FINISHED"]
    return mean_of([run.data.metrics for run in finished]) if len(finished) == len(runs) else None


def _stretches(numbers: Sequence[int], alone: bool) -> list[list[int]]:
    """Numbers in stretches without a gap: a launcher counts on from the first one it is given.

    Example:
        >>> _stretches([3, 4, 7], alone=False), _stretches([3, 4], alone=True)
        ([[3, 4], [7]], [[3], [4]])
    """
    if alone:
        return [[number] for number in numbers]
    grouped = groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])
    return [[number for _, number in stretch] for _, stretch in grouped]
