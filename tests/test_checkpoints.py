"""A checkpoint is the new one or the old one, never a part."""

from __future__ import annotations

import pytest
import torch

from simplicity_sweep.checkpoints import DurableCheckpointIO, is_whole


class Unwritable:
    def __reduce__(self):
        raise OSError("No space left on device")


def test_a_checkpoint_that_can_not_be_written_leaves_the_old_one(tmp_path):
    files, path = DurableCheckpointIO(), tmp_path / "checkpoints" / "last.ckpt"
    files.save_checkpoint({"epoch": 1}, path)
    with pytest.raises(OSError, match="No space left"):
        files.save_checkpoint({"weights": torch.zeros(1000), "broken": Unwritable()}, path)
    assert torch.load(path, weights_only=True) == {"epoch": 1}
    assert [file.name for file in path.parent.iterdir()] == ["last.ckpt"]


def test_a_torn_checkpoint_is_not_whole(tmp_path):
    path = tmp_path / "last.ckpt"
    assert not is_whole(path)
    DurableCheckpointIO().save_checkpoint({"weights": torch.zeros(1000)}, path)
    assert is_whole(path)
    path.write_bytes(path.read_bytes()[:500])
    assert not is_whole(path)
