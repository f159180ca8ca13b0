"""One Slurm for the tests of this folder, and a server for what runs on several of its nodes."""

from __future__ import annotations

import multiprocessing
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.postgres import database
from tests.slurm.cluster import Cluster, missing

ONE_THREAD = {"OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A Slurm of this machine, which Slurm's commands find; skips the test where Slurm is not installed."""
    if lacking := missing():
        pytest.skip(f"Slurm is not installed: no {', '.join(lacking)} (Debian: apt install slurm-wlm munge)")
    pytest.importorskip("submitit", reason="submitit is not installed (pip install 'simplicity-sweep[slurm]')")
    folder = Path(mkdtemp(prefix="slurm-"))
    cluster = Cluster(folder)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def environment(cluster: Cluster) -> Iterator[dict[str, str]]:
    """For the command; what a test has left under way or in the queue is gone before the next one."""
    yield {**cluster.environment, **ONE_THREAD}
    for command in multiprocessing.active_children():
        command.kill()  # it would wait for a Slurm that is gone, and pytest for it
    cluster.clear()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of an empty database."""
    with database() as address:
        yield address
