"""What is checked before the first job of a run or sweep starts: keys, targets, data, networks, tracking store."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from simplicity_sweep.config import ConfigError, check
from simplicity_sweep.credentials import has_password, masked, withhold
from simplicity_sweep.jobs import subdir_of
from simplicity_sweep.tasks import TASKS
from simplicity_sweep.trust import located, refuse_untrusted

if TYPE_CHECKING:
    from simplicity_sweep.data import TensorData

_NETWORK = ("model", "activation", "depth")  # what a network is built from
_BY_NUMBER = "${hydra.job.num}"


class Preflight(Callback):
    """Checks a single run before Hydra makes its folder; a sweep is checked by its sweeper, all jobs at once.

    Before that it takes the tracking server's password out of what Hydra will write into files.
    """

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        withhold(config)

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        withhold(config)
        try:
            preflight([config])
        except ConfigError as error:
            sys.exit(str(error))  # Hydra turns every Exception of a callback into a warning


def preflight(configs: Sequence[DictConfig], *, elsewhere: bool = False) -> None:
    """Refuses what can't be run, while nothing has been written yet but the data set and the tracking store.

    Args:
        configs: the jobs', composed.
        elsewhere: whether they run on other machines, so that it doesn't matter which devices this one has.

    Raises:
        ConfigError: names the key, the value, what is allowed and the remedy.
    """
    resolved = [resolve(config) for config in configs]
    for config in resolved:
        check(config)
    _one_task(resolved)
    _paths(configs, resolved)
    refuse_untrusted(resolved)
    for key, factory in _distinct(_factories(resolved)):
        _bind(key, factory)
    _networks(configs, resolved)
    if not elsewhere:
        _devices(resolved)
    _decisions(resolved)
    for _, (task, data) in _distinct(("data", (config["task"]["name"], config["data"])) for config in resolved):
        on_it = [config for config in resolved if config["data"] == data]
        module = _fetch(task, data)
        _fit(module, on_it)
        _between(module, on_it)
    for _, tracking in _distinct(("tracking", config["tracking"]) for config in resolved):
        _open_store(tracking)


def refuse_outside(configs: Sequence[DictConfig]) -> None:
    """Refuses jobs, in the order of their numbers, whose folder would not lie in that of their sweep.

    Raises:
        ConfigError: names the job and its folder.
    """
    for number, config in enumerate(configs):
        written: Any = OmegaConf.to_container(config.hydra.sweep, resolve=False)
        if written["subdir"] == _BY_NUMBER:  # the default, and resolving it takes milliseconds a job
            continue
        try:
            subdir = PurePath(subdir_of(config, number))
        except OmegaConfBaseException as error:
            raise ConfigError(f"hydra.sweep.subdir of job {number}: {error}") from error
        if subdir.is_absolute() or ".." in subdir.parts or not subdir.parts:
            raise ConfigError(
                f"hydra.sweep.subdir = {str(subdir)!r} of job {number}: is not in the sweep's folder, "
                f"{config.hydra.sweep.dir}. Use a name without '..', or the default: the job's number."
            )


def resolve(config: DictConfig) -> dict[str, Any]:
    """The configuration as plain dicts and lists, interpolations resolved, Hydra's own node left out."""
    try:
        return {str(key): _plain(config[key]) for key in config if key != "hydra"}
    except MissingMandatoryValue as error:
        raise ConfigError(
            f"{error.full_key} has no value and needs one: say {error.full_key}=… here or in its file of conf."
        ) from error
    except OmegaConfBaseException as error:
        raise ConfigError(str(error)) from error


def _plain(value: Any) -> Any:
    return OmegaConf.to_container(value, resolve=True, throw_on_missing=True) if OmegaConf.is_config(value) else value


def _distinct(items: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    seen: set[str] = set()
    for key, value in items:
        if (mark := f"{key} {value!r}") not in seen:
            seen.add(mark)
            yield key, value


def _factories(configs: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for config in configs:
        for key in ("data", "model", "activation", "optim"):
            yield key, config[key]
        yield "trainer", {"_target_": "pytorch_lightning.Trainer", **config["trainer"]}
        for name, measurement in config["measure"]["measurements"].items():
            yield f"measure.measurements.{name}.function", measurement["function"]


def _bind(key: str, factory: Mapping[str, Any]) -> None:
    """Refuses a target that can't be imported and arguments that it doesn't take."""
    path = factory["_target_"]
    target = located(key, path)
    arguments = {name for name in factory if not name.startswith("_")}
    parameters = inspect.signature(target).parameters
    beside = _beside(key, target)
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    if not takes_any and (unknown := sorted(arguments - {*parameters, *beside})):
        raise ConfigError(
            f"{key}.{unknown[0]} = {factory[unknown[0]]!r}: {path} takes no such argument; it takes "
            f"{', '.join(parameters) or 'none'}{_remedy(beside)}."
        )
    needed = [name for name, parameter in parameters.items() if _has_to_be_given(parameter)]
    if key == "data" and (lacking := sorted(set(needed) - arguments)):
        raise ConfigError(f"data.{lacking[0]} is missing: {path} needs it.")


def _beside(key: str, target: Any) -> tuple[str, ...]:
    """Keys that are not the target's own: of a data module that knows nothing of us."""
    if key != "data":
        return ()
    from simplicity_sweep.data import KEYS, is_foreign

    return KEYS if is_foreign(target) else ()


def _remedy(beside: Sequence[str]) -> str:
    if not beside:
        return ""
    return f", and beside them there are {', '.join(beside)}. For a data module that is not ours choose data=module"


def _has_to_be_given(parameter: inspect.Parameter) -> bool:
    several = (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    return parameter.default is parameter.empty and parameter.kind not in several


def _one_task(configs: Iterable[Mapping[str, Any]]) -> None:
    """Refuses a sweep whose networks are asked for different things: nothing of it could be compared."""
    tasks = list(dict.fromkeys(config["task"]["name"] for config in configs))
    if len(tasks) > 1:
        raise ConfigError(
            f"task = {', '.join(tasks)} in one sweep: their figures can't be compared, in no table, report or "
            "decision. Make a sweep of each."
        )


def _paths(configs: Sequence[DictConfig], resolved: Sequence[Mapping[str, Any]]) -> None:
    """Refuses data by a relative path where each job starts in a folder of its own."""
    for config, plain in zip(configs, resolved, strict=True):
        path = plain["data"].get("path")
        if OmegaConf.select(config, "hydra.job.chdir") and path and not Path(path).expanduser().is_absolute():
            raise ConfigError(
                f"data.path = {path!r} is relative, and hydra.job.chdir=true starts each job in another folder. Give "
                f"it whole: data.path={Path(path).absolute()}"
            )


def _networks(configs: Sequence[DictConfig], resolved: Sequence[Mapping[str, Any]]) -> None:
    """Refuses networks without an argument that they need, and what was chosen for one that does not take it."""
    from simplicity_sweep.architecture import refuse_incomplete
    from simplicity_sweep.chosen import overrides_of, refuse_unused

    for _, model in _distinct(("model", config["model"]) for config in resolved):
        refuse_incomplete(model)
    for config, plain in zip(configs, resolved, strict=True):
        refuse_unused(plain, overrides_of(config))


def _devices(configs: Iterable[Mapping[str, Any]]) -> None:
    import torch

    for config in configs:
        accelerator = config["trainer"]["accelerator"]
        if accelerator in ("gpu", "cuda") and not torch.cuda.is_available():
            raise ConfigError(
                f"trainer.accelerator = {accelerator!r}: no GPU that torch {torch.__version__} can use. "
                "Use trainer=auto (the GPU where there is one) or trainer=cpu."
            )


def _decisions(configs: Sequence[Mapping[str, Any]]) -> None:
    """Refuses requirements that can't be read or are about another task's figures, and for a sweep with a report those
    about what it does not measure."""
    from simplicity_sweep.report.decision.applicable import refuse_other_tasks
    from simplicity_sweep.report.decision.requirements import check_measured, parse

    for config in configs:
        measurements, task = config["measure"]["measurements"], TASKS[config["task"]["name"]]
        with _refused("Choose decide=… among the files of conf/decide."):
            asked = parse(**config["decide"], words=task.words)
            refuse_other_tasks(asked, task, measurements)
        if len(configs) > 1 and config["report"] and measurements:
            with _refused("Choose decide=… among the files of conf/decide, or report=false."):
                check_measured(asked, [*task.performance, *measurements])


@contextmanager
def _refused(remedy: str) -> Iterator[None]:
    """What the report says against requirements, as a refusal with what to do."""
    from simplicity_sweep.report.results import ReportError

    try:
        yield
    except ReportError as error:
        raise ConfigError(f"{error}\n{remedy}") from None


def _fetch(task: str, data: Mapping[str, Any]) -> TensorData:
    from hydra.errors import InstantiationException

    from simplicity_sweep.data import DataError, open_data, refuse_other_answers

    try:
        module = open_data(data)
        module.prepare_data()
        module.setup("fit")  # reads every file whole; the jobs of this process then find the tensors in place
        refuse_other_answers(task, module)
        _ = module.loss_weights  # one for each class
    except DataError as error:
        raise ConfigError(str(error)) from error
    except InstantiationException as error:  # what the data module itself says of its arguments is enough
        raise ConfigError(str(error.__cause__ if isinstance(error.__cause__, DataError) else error)) from error
    return module


def _fit(data: TensorData, configs: Sequence[Mapping[str, Any]]) -> None:
    """Refuses networks that do not take the data."""
    from simplicity_sweep.architecture import refuse_misfit

    examples = len(data.train)
    # Full batches, and the shorter last one: batch normalisation can't be trained on a single example, for instance.
    sizes = {min(data.batch_size, examples), examples % data.batch_size} - {0}
    for _, network in _distinct(("", {key: config[key] for key in _NETWORK}) for config in configs):
        refuse_misfit({**network, "data": configs[0]["data"]}, data.train.inputs, data.outputs, sorted(sizes))


def _between(data: TensorData, configs: Iterable[Mapping[str, Any]]) -> None:
    """Refuses paths between classes that there are not."""
    known = set() if data.classes is None else set(data.test.labels.tolist())
    asked = (pair for config in configs for pair in config["measure"]["paths_between"] or ())
    for _, pair in _distinct(("", tuple(pair)) for pair in asked):
        if not known.issuperset(pair):
            raise ConfigError(
                f"measure.paths_between: {list(pair)} names a class that the test part has not; its classes are "
                f"{', '.join(map(str, sorted(known)))}. Choose among them, or measure.paths_between=null"
            )


def _open_store(tracking: Mapping[str, Any]) -> None:
    from simplicity_sweep.tracking import Store, TrackingError

    uri = tracking["uri"]
    if has_password(uri):
        raise ConfigError(
            f"tracking.uri = {masked(uri)!r}: a password in an address that is swept over would be written into the "
            "jobs' files. Give it in the environment: MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD."
        )
    try:
        Store.open(tracking["uri"], tracking["experiment"])
    except TrackingError as error:
        raise ConfigError(str(error)) from error
