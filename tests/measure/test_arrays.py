"""Which `.npz` files are taken, and what the others are told."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from simplicity_sweep.config import ConfigError
from simplicity_sweep.measure.arrays import read_arrays
from simplicity_sweep.measure.figures import figures_of
from simplicity_sweep.measure.subject import from_function
from tests.measure.conftest import NETWORKS, images

INPUTS, LABELS = images()["inputs"], images()["labels"]


def test_inputs_and_labels_are_taken_as_they_are(npz):
    data = read_arrays(npz(train_inputs=INPUTS[:3]))
    assert np.array_equal(data.test.inputs.numpy(), INPUTS)
    assert data.test.labels.tolist() == LABELS.tolist()
    assert (len(data.train.inputs), data.train.labels) == (3, None)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64, np.uint64])
def test_labels_may_be_whole_numbers_of_any_size(npz, dtype):
    assert read_arrays(npz(labels=LABELS.astype(dtype))).test.labels.dtype == torch.int64


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"inputs": (INPUTS * 80).astype(np.uint8)}, "inputs is uint8 of shape [60, 1, 8, 8]; expected floating-point"),
        ({"inputs": INPUTS > 0}, "inputs is bool"),
        ({"inputs": INPUTS.astype(complex)}, "inputs is complex128"),
        ({"inputs": INPUTS.reshape(-1)}, "of shape [n, d...] with n ≥ 2"),
        ({"inputs": INPUTS[:1], "labels": LABELS[:1]}, "of shape [1, 1, 8, 8]"),
        ({"inputs": INPUTS[:0], "labels": LABELS[:0]}, "of shape [0, 1, 8, 8]"),
        ({"inputs": INPUTS[:, :0]}, "of shape [60, 0, 8, 8]"),
        ({"inputs": np.where(INPUTS > 2.5, np.inf, INPUTS)}, "hold NaN or infinities"),
        ({"inputs": np.where(np.arange(60)[:, None, None, None] == 3, np.nan, INPUTS)}, "1 of 60 inputs hold NaN"),
        ({"labels": LABELS[1:]}, "labels is int64 of shape [59]; expected 60 whole numbers"),
        ({"labels": LABELS[:, None]}, "labels.ravel() drops an axis"),
        ({"labels": np.eye(10)[LABELS]}, "labels.argmax(1) undoes one-hot"),
        ({"labels": LABELS.astype(float)}, "labels is float64"),
        ({"labels": LABELS.astype(str)}, "numbers names"),
        ({"labels": LABELS.astype(object)}, "Object arrays cannot be loaded"),
        ({"inputs": None, "labels": None, "x": INPUTS, "y": LABELS}, "holds the arrays x, y; expected inputs"),
        ({"labels": None, "y": LABELS}, "holds the arrays inputs, y; expected inputs"),
        ({"train_labels": LABELS}, "train_labels without train_inputs"),
        ({"train_inputs": INPUTS[:, 0]}, "train_inputs are of shape [60, 8, 8]"),
        ({"train_inputs": INPUTS.astype(int)}, "train_inputs is int64"),
        ({"train_inputs": INPUTS, "train_labels": LABELS[1:]}, "train_labels is int64 of shape [59]"),
    ],
)
def test_arrays_that_cannot_be_used_say_what_is_expected(npz, arrays, said):
    path = npz(**arrays)
    with pytest.raises(ConfigError) as error:
        read_arrays(path)
    assert str(error.value).startswith(f"--npz {path}")
    assert said in str(error.value)


@pytest.mark.parametrize("part", ["", "train_"])
@pytest.mark.parametrize(
    ("labels", "said"), [(LABELS + 1, "from 1 to 10, but"), (LABELS - 1, "from -1 to 8, but"), (LABELS * 9, "to 81")]
)
def test_labels_that_the_network_does_not_have_are_refused(npz, plan, labels, said, part):
    data = read_arrays(npz(**{"train_inputs": INPUTS, f"{part}labels": labels}))
    with pytest.raises(ConfigError) as error:
        figures_of(from_function(f"{NETWORKS}:linear", 0), data, plan, "linear")
    assert said in str(error.value)
    assert "expected labels from 0 to 9" in str(error.value)


@pytest.mark.parametrize("content", ["truncated", "text", "one array", "folder", "nothing"])
def test_what_is_no_npz_file_is_refused_with_the_way_to_write_one(npz, tmp_path, content):
    path = npz()
    if content == "folder":
        path = tmp_path
    elif content == "one array":
        path = tmp_path / "one.npy"
        np.save(path, INPUTS)
    else:
        path.write_bytes({"truncated": path.read_bytes()[:3000], "text": b"1,2\n3,4\n", "nothing": b""}[content])
    with pytest.raises(ConfigError, match=r"can't be read as an \.npz file .*numpy\.savez"):
        read_arrays(path)


def test_an_array_that_is_damaged_inside_the_file_is_refused(npz):
    path = npz()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="can't be read"):
        read_arrays(path)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.npz does not exist"):
        read_arrays(tmp_path / "none.npz")
