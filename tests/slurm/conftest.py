"""One Slurm for the tests of this folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.slurm.cluster import Cluster, missing


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
