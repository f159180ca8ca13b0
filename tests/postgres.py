"""A PostgreSQL for a test, from Debian's package."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import pytest


@contextmanager
def database() -> Iterator[str]:
    """The address of an empty database in a cluster of its own, gone afterwards.

    Skips the test where something that it needs is not installed.
    """
    programs = _programs()
    folder, port = Path(mkdtemp(prefix="postgres-")), _free_port()
    # PostgreSQL refuses to be run by root; Debian's package has made a user for it.
    user = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    if user:
        shutil.chown(folder, "postgres", "postgres")
    data = folder / "data"
    control = [programs / "pg_ctl", "-D", data, "-w"]
    options = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder}"
    try:
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", "mlflow", "-A", "trust"],
            check=True, capture_output=True, cwd=folder, **user,
        )  # fmt: skip
        subprocess.run(
            [*control, "-l", folder / "log", "-o", options, "start"],
            check=True, stdout=subprocess.DEVNULL, cwd=folder, **user,
        )  # fmt: skip
        try:
            yield f"postgresql+psycopg2://mlflow@127.0.0.1:{port}/postgres"
        finally:
            subprocess.run(
                [*control, "-m", "immediate", "stop"], check=True, stdout=subprocess.DEVNULL, cwd=folder, **user
            )
    finally:
        shutil.rmtree(folder)


def _programs() -> Path:
    """Where Debian keeps PostgreSQL's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("PostgreSQL's server is not installed (Debian: apt install postgresql)")
    if importlib.util.find_spec("psycopg2") is None:
        pytest.skip("psycopg2 is not installed, through which MLflow reaches PostgreSQL (pip install psycopg2-binary)")
    return found[-1].parent


def _free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])
