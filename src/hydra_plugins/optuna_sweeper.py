"""`hydra/sweeper=optuna`: a search, which needs fewer runs than every combination; all in docs/search.md.

Its keys are those of Hydra's own plugin for Optuna, which can't be used with an Optuna of today. Hydra imports this
module at every start: nothing heavy here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn
from omegaconf import DictConfig, ListConfig, OmegaConf

from simplicity_sweep.resolvers import register
from simplicity_sweep.sweeper import Recording

register()

_SAMPLERS: dict[str, dict[str, Any]] = {
    "tpe": {"_target_": "optuna.samplers.TPESampler", "seed": 0, "n_startup_trials": 10},
    "gp": {"_target_": "optuna.samplers.GPSampler", "seed": 0, "n_startup_trials": 10},
    "nsgaii": {"_target_": "optuna.samplers.NSGAIISampler", "seed": 0, "population_size": 10},
    "random": {"_target_": "optuna.samplers.RandomSampler", "seed": 0},
}
_PRUNERS: dict[str, dict[str, Any]] = {
    "median": {"_target_": "optuna.pruners.MedianPruner", "n_startup_trials": 5, "n_warmup_steps": 0},
    "successive_halving": {
        "_target_": "optuna.pruners.SuccessiveHalvingPruner", "min_resource": 1, "reduction_factor": 4
    },
    "hyperband": {"_target_": "optuna.pruners.HyperbandPruner", "min_resource": 1, "reduction_factor": 3},
}  # fmt: skip


@dataclass
class OptunaSweeperConf:
    """Its keys under `hydra.sweeper`."""

    defaults: list[Any] = field(default_factory=lambda: ["_self_", {"sampler": "tpe"}, {"pruner": None}])
    _target_: str = "hydra_plugins.optuna_sweeper.OptunaSweeper"
    _recursive_: bool = False  # the sampler is built for each trial
    sampler: Any = None
    pruner: Any = None  # what stops runs early by their curves
    direction: Any = None  # of what a job returns: minimize or maximize
    objectives: Any = None  # by metric, minimize or maximize
    storage: str | None = None  # Optuna's; null: a file in the sweep's folder
    study_name: str | None = None  # null: the sweep's name
    n_trials: int = 20
    n_jobs: int = 4  # how many trials are chosen and trained together
    max_failure_rate: float = 1.0  # the share of a batch's trials that may fail
    params: dict[str, str] | None = field(default_factory=dict)


_STORE = ConfigStore.instance()
_STORE.store(group="hydra/sweeper", name="optuna", node=OptunaSweeperConf, provider="simplicity-sweep")
for _group, _nodes in {"sampler": _SAMPLERS, "pruner": _PRUNERS}.items():
    for _name, _node in _nodes.items():
        _STORE.store(group=f"hydra/sweeper/{_group}", name=_name, node=_node, provider="simplicity-sweep")


class OptunaSweeper(Recording, BasicSweeper):
    """Asks an Optuna sampler for a batch of settings, runs it as one multirun, tells the results, and so on."""

    def __init__(
        self,
        sampler: DictConfig | None,
        pruner: DictConfig | None,
        direction: str | ListConfig | None,
        objectives: DictConfig | None,
        storage: str | None,
        study_name: str | None,
        n_trials: int,
        n_jobs: int,
        max_failure_rate: float,
        params: dict[str, str] | None,
    ) -> None:
        super().__init__(max_batch_size=None, params=params)
        for name, number in {"n_trials": n_trials, "n_jobs": n_jobs}.items():
            if number < 1:
                raise ValueError(f"hydra.sweeper.{name} = {number}: should be 1 or more.")
        if not 0 <= max_failure_rate <= 1:
            raise ValueError(f"hydra.sweeper.max_failure_rate = {max_failure_rate}: should be from 0 to 1.")
        self.sampler = sampler
        self.pruner = pruner
        self.direction = direction
        self.objectives = objectives
        self.storage = storage
        self.study_name = study_name
        self.n_trials = n_trials
        self.n_jobs = n_jobs
        self.max_failure_rate = max_failure_rate

    def _sweep(self, arguments: list[str]) -> list[Sequence[JobReturn]]:
        from simplicity_sweep.config import JobsFailed
        from simplicity_sweep.preflight import resolve
        from simplicity_sweep.search.space import Space

        assert self.launcher is not None
        space = Space.of(self._overrides(arguments))
        composer = self._composer()
        corners = [composer.compose(job) for params in space.corners() for job in space.jobs(params)]
        self._refuse(corners)

        from simplicity_sweep.search.running import RESULTS, Search, results_yaml
        from simplicity_sweep.search.warm import warm_start
        from simplicity_sweep.store import Store

        resolved = [resolve(config) for config in corners]
        first = resolved[0]
        plan = self._plan(space, first)
        store = Store.open(first["tracking"]["uri"], first["tracking"]["experiment"])
        search = Search(plan, store, self._folder, arguments)
        search.go_on(first["resume"])
        warm = warm_start(store, first["search"]["warm_start"], plan, composer)
        self._folder = search.folder
        with search.recording() as (sweep, study):
            self._describe(sweep, resolved)
            if not study.is_prepared:
                study.prepare(*warm)
            returns = search.run(sweep, study, self.launcher, composer)
            results = results_yaml(plan.goals, study.best())
            (sweep.folder / RESULTS).write_text(results)
            sweep.run.log_texts({RESULTS: results})
        self._report(sweep, first)
        if search.ended_early:
            raise JobsFailed("The search ended early for what failed: see the table above.")
        return list(returns)

    def _plan(self, space: Any, first: dict[str, Any]) -> Any:
        from simplicity_sweep.search.goals import Goals
        from simplicity_sweep.search.pruner import Pruner
        from simplicity_sweep.search.running import Plan
        from simplicity_sweep.search.sampler import Sampler

        return Plan(
            space=space,
            goals=Goals.asked(_plain(self.objectives), _plain(self.direction), first),
            sampler=Sampler(_plain(self.sampler)),
            pruner=None if self.pruner is None else Pruner(_plain(self.pruner)),
            trials=self.n_trials,
            at_once=self.n_jobs,
            most_failures=self.max_failure_rate,
            storage=self.storage,
            study=self.study_name,
            stop_on_error=first["on_error"] == "stop",
        )


def _plain(node: Any) -> Any:
    return OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node
