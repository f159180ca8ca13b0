"""Where runs are kept: an MLflow store, opened safely by many processes at once."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from simplicity_sweep.credentials import masked, withheld

# Read when MLflow is imported. Nothing about a user's work may leave the machine.
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["DO_NOT_TRACK"] = "true"
os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"  # it draws a bar for each file, however small
os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"  # two lines at each run's end

from filelock import FileLock, Timeout
from mlflow import MlflowClient
from mlflow.entities import Experiment, LifecycleStage, Run
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, ErrorCode
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

# Both report every schema migration and every created table at INFO.
logging.getLogger("mlflow").setLevel(logging.WARNING)
logging.getLogger("alembic").setLevel(logging.WARNING)
# It logs each error of a database with its traceback, and raises it.
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)

_LIBRARIES = {"mlflow", "requests", "urllib3", "http", "sqlalchemy", "sqlite3"}  # that a request goes through
_PROBE_SECONDS = 4
_LOCK_SECONDS = 120  # many processes may wait while one creates the schema, which takes some seconds


class TrackingError(Exception):
    """A tracking store can't be used; the message names the key, its value, the reason and the remedy."""


@dataclass(frozen=True)
class Store:
    """An MLflow tracking store and one experiment in it.

    Attributes:
        uri: the store's address, SQLite paths made absolute; a server's without user and password.
        experiment_id: MLflow's id of the experiment.
        client: the client through which the store is read and written.
    """

    uri: str
    experiment_id: str
    client: MlflowClient = field(repr=False, compare=False)

    @classmethod
    def open(cls, uri: str, experiment: str) -> Store:
        """The store at `uri` with the experiment named `experiment`, both made if they do not exist yet.

        Any number of processes may open the same store at the same moment. An SQLite store gets its schema
        once, write-ahead logging (readers and writers then do not wait for each other) and its artifacts in
        `mlartifacts` beside the file; a server decides itself where artifacts go.

        Args:
            uri: `sqlite:///PATH` (a relative path is taken from the working folder), or the `http(s)://`
                address of an MLflow server. User and password in it go into this process's environment, where
                MLflow looks for them.
            experiment: name of the experiment.

        Raises:
            TrackingError: the address is of another kind, the file can't be written, or the server does not
                answer within a few seconds.

        Example:
            >>> import tempfile
            >>> folder = tempfile.mkdtemp()
            >>> store = Store.open(f"sqlite:///{folder}/mlflow.db", "doctest")
            >>> store.client.get_experiment(store.experiment_id).name
            'doctest'
        """
        scheme = urlsplit(uri).scheme
        if scheme == "sqlite":
            return cls._open_file(uri, experiment)
        if scheme in ("http", "https"):
            return cls._open_server(withheld(uri), experiment)
        raise TrackingError(
            f"tracking.uri = {masked(uri)!r}: must start with sqlite:///, http:// or https://"
            f"{'; MLflow 3 no longer writes stores of plain files' if scheme in ('', 'file') else ''}. "
            "Use the default, or e.g. tracking.uri=sqlite:////absolute/path/mlflow.db"
        )

    @classmethod
    def at(cls, uri: str, experiment_id: str) -> Store:
        """The store at `uri` with an experiment that it has: nothing is asked of it, and nothing made.

        Raises:
            TrackingError: it would be a file that is not there; MLflow would make a new one.
        """
        if uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).is_file():
            raise TrackingError(f"There is no store at {uri}. Bring it back, or name where it is now: --uri URI")
        uri = withheld(uri)
        return cls(uri, experiment_id, MlflowClient(uri, registry_uri=uri))

    @property
    def is_file(self) -> bool:
        """Whether the store is an SQLite file, with no server of its own."""
        return self.uri.startswith("sqlite:")

    @property
    def shown(self) -> str:
        """The address as it may be printed: a password in it is masked."""
        return masked(self.uri)

    @classmethod
    def _open_file(cls, uri: str, experiment: str) -> Store:
        given = uri.removeprefix("sqlite:///")
        if given in (uri, "", ":memory:"):
            raise TrackingError(
                f"tracking.uri = {uri!r}: an SQLite store must be a file that other processes can open. "
                "Write sqlite:/// and a path, e.g. tracking.uri=sqlite:////absolute/path/mlflow.db"
            )
        path = Path(given).expanduser().absolute()
        uri = f"sqlite:///{path.as_posix()}"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Without the lock, of two processes that create a store at once, both can fail, and for good.
            with FileLock(f"{path}.lock", timeout=_LOCK_SECONDS):
                if not path.is_file():
                    _create(path)
                connection = sqlite3.connect(path)
                connection.execute("PRAGMA journal_mode=WAL")
                connection.close()
                client = MlflowClient(uri, registry_uri=uri)
                return cls(uri, _experiment_id(client, experiment, _artifacts(path)), client)
        except (OSError, sqlite3.Error, Timeout) as error:
            raise TrackingError(
                f"tracking.uri = {uri!r}: can't be written ({error}). "
                "Choose a file in a folder of yours: tracking.uri=sqlite:////absolute/path/mlflow.db"
            ) from error
        except MlflowException as error:
            raise TrackingError(
                f"tracking.uri = {uri!r}: {error}\nA store of an older MLflow is brought up to date by: "
                f"mlflow db upgrade {uri}; or name a new file."
            ) from error

    @classmethod
    def _open_server(cls, uri: str, experiment: str) -> Store:
        client = MlflowClient(uri, registry_uri=uri)
        try:
            with _impatient():
                return cls(uri, _experiment_id(client, experiment, artifacts=None), client)
        except MlflowException as error:
            raise TrackingError(
                f"tracking.uri = {masked(uri)!r}: no MLflow server answers there ({reason(error)}). "
                "Start it (mlflow server), correct the address, or leave tracking.uri out for a local file."
            ) from None  # the cause's text may hold the password

    def children(self, parent: str) -> list[Run]:
        """The runs shown under the run `parent`, as MLflow gives them, in the order of their start."""
        return self.search(f"tags.`{MLFLOW_PARENT_RUN_ID}` = '{parent}'", "attributes.start_time ASC")

    def search(self, matching: str, order: str = "attributes.start_time DESC") -> list[Run]:
        """All runs of the experiment that match, as MLflow gives them; the latest first.

        Args:
            matching: MLflow's filter, e.g. `tags.role = 'sweep'`.
            order: MLflow's, where another one is wanted.
        """
        found: list[Run] = []
        token: str | None = None
        while True:
            page = self.client.search_runs([self.experiment_id], matching, order_by=[order], page_token=token)
            found += page
            token = page.token
            if not token:
                return found


def _create(path: Path) -> None:
    """Makes an SQLite store that is there whole or not at all: nothing mends one whose schema was begun."""
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    store = SqlAlchemyStore(f"sqlite:///{draft.as_posix()}", _artifacts(path))  # type: ignore[no-untyped-call]
    store.engine.dispose()
    draft.replace(path)


def _artifacts(path: Path) -> str:
    """Where the artifacts of the SQLite store at `path` go."""
    return (path.parent / "mlartifacts").as_uri()


def reason(error: BaseException) -> str:
    """What `error` came from in the end, e.g. `[Errno 111] Connection refused`; a password in it is masked."""
    return masked(str(_root(error)))


def _root(error: BaseException) -> BaseException:
    """What `error` came from in the end: `connection refused`, under the errors of many libraries; not what was on its
    way when the store was asked, such as a failing job's error or Ctrl-C."""
    before = error.__cause__ or error.__context__
    ours = isinstance(before, OSError) or type(before).__module__.partition(".")[0] in _LIBRARIES
    return _root(before) if before is not None and ours else error


@contextmanager
def _impatient() -> Iterator[None]:
    """MLflow's requests give up after one short try, instead of retrying for minutes."""
    limits = {
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": str(_PROBE_SECONDS),
    }
    before = {name: os.environ.get(name) for name in limits}
    os.environ.update(limits)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _experiment_id(client: MlflowClient, name: str, artifacts: str | None) -> str:
    found: Experiment | None = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name, artifact_location=artifacts))
        except MlflowException as error:
            if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
                raise
            found = client.get_experiment_by_name(name)  # another process was faster
            assert found is not None
    if found.lifecycle_stage == LifecycleStage.DELETED:
        raise TrackingError(
            f"tracking.experiment = {name!r}: was deleted. Choose another name, or bring it back: "
            f"MLFLOW_TRACKING_URI=... mlflow experiments restore --experiment-id {found.experiment_id}"
        )
    return str(found.experiment_id)
