"""Checkpoints on a full disk: the system's limit of a file's size, which a program sees as it sees a full disk."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from simplicity_sweep.checkpoints import CheckpointError, WholeCheckpoints, is_whole
from simplicity_sweep.fused.strategy import FusedStrategy

LIMIT = 8192


@contextmanager
def little_space() -> Iterator[None]:
    """No longer than needed: the file into which the tests' own output goes may be larger than that."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_checkpoint_that_has_no_space_fails_and_leaves_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints" / "last.ckpt"
    WholeCheckpoints().save_checkpoint({"weight": torch.ones(3)}, path)
    fails = pytest.raises(CheckpointError, match=r"last\.ckpt: the checkpoint can't be written \(.*Free space")
    with little_space(), fails:
        WholeCheckpoints().save_checkpoint({"weight": torch.ones(LIMIT)}, path)
    assert torch.load(path)["weight"].tolist() == [1, 1, 1]
    assert list(path.parent.iterdir()) == [path]


def test_runs_write_their_checkpoints_so() -> None:
    assert isinstance(FusedStrategy(torch.device("cpu")).checkpoint_io, WholeCheckpoints)


def test_a_torn_checkpoint_is_not_whole(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    assert not is_whole(path)
    WholeCheckpoints().save_checkpoint({"weights": torch.zeros(1000)}, path)
    assert is_whole(path)
    path.write_bytes(path.read_bytes()[:500])
    assert not is_whole(path)
