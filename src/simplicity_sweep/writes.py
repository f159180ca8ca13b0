"""What a run writes to its store: each a value that can be kept on disk and sent later, or twice.

A metric's point is told by its run, name, time, step and value, in MLflow as here: sent again it is the same point.
Tags, artifacts and a run's end are put over what is there. A run that is started again is found by its tag `start`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

from simplicity_sweep.store import Store

# isort: split
from mlflow.entities import Metric, Param, RunTag
from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

START_TAG = "start"
"""The tag by which a run is found whose start may have been written already."""


@dataclass
class Target:
    """The run in a store that is written to.

    Attributes:
        store: where it is.
        run: MLflow's id of it; None before it is started.
    """

    store: Store
    run: str | None = None
    artifact_uri: str | None = field(default=None, repr=False)

    @property
    def started(self) -> str:
        """The run's id, once it is started."""
        assert self.run is not None, "the first write of a run is its start"
        return self.run

    def artifacts(self) -> ArtifactRepository:
        """Where the run's artifacts are kept; the store is asked only about a run that wasn't started here."""
        if self.artifact_uri is None:
            self.artifact_uri = self.store.client.get_run(self.started).info.artifact_uri
        return get_artifact_repository(self.artifact_uri, tracking_uri=self.store.uri)


class Write(Protocol):
    """One write, of one of the kinds below."""

    kind: ClassVar[str]

    def send(self, target: Target) -> None:
        """Does it.

        Raises:
            Exception: the store can't be reached (see `outage.unreachable`), or refuses it.
        """


@dataclass(frozen=True)
class Start:
    """A run begins.

    Attributes:
        name: what it is called in MLflow's pages.
        tags: its first ones, `START_TAG` among them.
        time: when it began, in milliseconds since the epoch.
        repeated: whether it may have been sent before, and must be looked for.
    """

    kind: ClassVar[str] = "start"
    name: str
    tags: Mapping[str, str]
    time: int
    repeated: bool = False

    def send(self, target: Target) -> None:
        client, experiment = target.store.client, target.store.experiment_id
        same = f"tags.`{START_TAG}` = '{self.tags[START_TAG]}'"
        found = client.search_runs([experiment], filter_string=same, max_results=1) if self.repeated else []
        if found:
            run = found[0]
        else:
            run = client.create_run(experiment, start_time=self.time, run_name=self.name, tags=dict(self.tags))
        target.run, target.artifact_uri = str(run.info.run_id), run.info.artifact_uri


@dataclass(frozen=True)
class Batch:
    """Points of curves, parameters and tags, in one request.

    Attributes:
        metrics: name, value, milliseconds since the epoch and step of each point.
        params: what the run was run with.
        tags: over older ones of the same name.
    """

    kind: ClassVar[str] = "batch"
    metrics: Sequence[tuple[str, float, int, int]] = ()
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    def send(self, target: Target) -> None:
        target.store.client.log_batch(
            target.started,
            metrics=[Metric(*metric) for metric in self.metrics],
            params=[Param(*param) for param in self.params.items()],
            tags=[RunTag(*tag) for tag in self.tags.items()],
        )


@dataclass(frozen=True)
class Artifacts:
    """Files that are kept with the run.

    Attributes:
        source: a file, or a folder whose content is meant.
        folder: where among the run's artifacts; None is the top.
    """

    kind: ClassVar[str] = "artifacts"
    source: Path
    folder: str | None = None

    def send(self, target: Target) -> None:
        repository = target.artifacts()
        if self.source.is_dir():
            repository.log_artifacts(str(self.source), self.folder)  # type: ignore[no-untyped-call]
        else:
            repository.log_artifact(str(self.source), self.folder)  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class End:
    """A run ends.

    Attributes:
        status: MLflow's.
        time: when, in milliseconds since the epoch.
    """

    kind: ClassVar[str] = "end"
    status: str
    time: int

    def send(self, target: Target) -> None:
        target.store.client.set_terminated(target.started, self.status, self.time)


_KINDS: dict[str, Callable[..., Write]] = {kind.kind: kind for kind in (Start, Batch, Artifacts, End)}


def as_record(write: Write) -> dict[str, Any]:
    """`write` as JSON holds it.

    Example:
        >>> as_record(End("FINISHED", 17))
        {'write': 'end', 'status': 'FINISHED', 'time': 17}
        >>> as_write(as_record(End("FINISHED", 17)))
        End(status='FINISHED', time=17)
    """
    values = asdict(write)  # type: ignore[call-overload]
    return {"write": write.kind, **{key: str(one) if isinstance(one, Path) else one for key, one in values.items()}}


def as_write(record: Mapping[str, Any]) -> Write:
    """What `as_record` was given."""
    values = {key: Path(value) if key == "source" else value for key, value in record.items() if key != "write"}
    return _KINDS[record["write"]](**values)
