"""The password of a tracking server: it stays in the environment, where MLflow looks for it, and out of every file."""

from __future__ import annotations

import os
import re
from urllib.parse import unquote, urlsplit

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

_KEY = "tracking.uri"
# Up to the last @ of a word: a password may hold one, or a slash, although it shouldn't.
_PASSWORD = re.compile(r"""(?<=://)([^/\s:@]*):[^\s'"]*@""")


def masked(text: str) -> str:
    """`text` with the passwords replaced in addresses that stand in it.

    Example:
        >>> masked("https://ann:secret@tracking.example.org/mlflow")
        'https://ann:***@tracking.example.org/mlflow'
    """
    return _PASSWORD.sub(r"\1:***@", text)


def has_password(uri: str) -> bool:
    """Whether an address holds a password.

    Example:
        >>> has_password("https://ann:secret@tracking.example.org"), has_password("http://127.0.0.1:5000")
        (True, False)
    """
    try:
        return urlsplit(uri).password is not None
    except ValueError:  # an address too broken to be split
        return False


def without_user(uri: str) -> str:
    """An address without user and password.

    Example:
        >>> without_user("https://ann:secret@tracking.example.org/mlflow")
        'https://tracking.example.org/mlflow'
    """
    parts = urlsplit(uri)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def withheld(uri: str) -> str:
    """A server's address without user and password, which go into this process's environment, as MLflow's own
    `MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD`. An address without a password is left as it is."""
    if not uri.startswith(("http://", "https://")) or not has_password(uri):
        return uri
    parts = urlsplit(uri)
    os.environ["MLFLOW_TRACKING_USERNAME"] = unquote(parts.username or "")
    os.environ["MLFLOW_TRACKING_PASSWORD"] = unquote(parts.password or "")
    return without_user(uri)


def withhold(config: DictConfig) -> None:
    """Takes the password out of a configuration's `tracking.uri` and out of the overrides that Hydra keeps with it.

    Hydra writes both into files before a job starts, so it is done earlier. A `tracking.uri` that is swept over stays
    as it is: a process has one user.
    """
    try:
        uri = OmegaConf.select(config, _KEY)
    except OmegaConfBaseException:  # what is wrong is said where the configuration is checked
        return
    if not isinstance(uri, str) or (shown := withheld(uri)) == uri:
        return
    task, job = config.hydra.overrides.task, config.hydra.job
    parsed = OverridesParser.create().parse_overrides(list(task))
    of_uri = [override for override in parsed if override.key_or_group == _KEY]
    if any(override.is_sweep_override() for override in of_uri):
        return
    config.tracking.uri = shown
    # A sweep's jobs are composed anew, from the files, where the password may stand: this comes after them.
    kept = [override.input_line for override in parsed if override not in of_uri]
    config.hydra.overrides.task = [*kept, f"{_KEY}='{shown}'"]
    job.override_dirname = masked(job.override_dirname)
