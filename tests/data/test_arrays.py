"""Arrays of the user's: standardised by the training part, divided by class, refused where they would mislead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from simplicity_sweep.data import Arrays, DataError
from tests.commands import runs, train

N = 40
VECTORS = np.random.default_rng(0).normal([5.0, -2.0, 0.0], [1.0, 3.0, 0.1], (N, 3))
IMAGES = np.random.default_rng(1).integers(0, 256, (N, 4, 5), dtype=np.uint8)
LABELS = np.arange(N) % 2


def arrays(folder: Path, given: dict[str, Any] | None = None, **options: Any) -> Arrays:
    path = folder / "mine.npz"
    np.savez(path, **({"inputs": VECTORS, "labels": LABELS} if given is None else given))
    data = Arrays(**({"path": path} | options))
    data.prepare_data()
    data.setup()
    return data


def test_python_objects_are_not_loaded_and_the_array_is_named(tmp_path):
    with pytest.raises(DataError, match=r"mine\.npz: the array labels holds Python objects.*labels\.astype\(str\)"):
        arrays(tmp_path, {"inputs": VECTORS, "labels": np.array(["a", None] * (N // 2), dtype=object)})


def whole(data: Arrays) -> torch.Tensor:
    return torch.cat([part.inputs for part in (data.train, data.val, data.test)])


def test_the_columns_of_vectors_are_standardised_each_by_the_training_part(tmp_path):
    data = arrays(tmp_path)
    assert [len(part) for part in (data.train, data.val, data.test)] == [28, 4, 8]
    torch.testing.assert_close(data.train.inputs.mean(0), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(data.train.inputs.std(0, correction=0), torch.ones(3))
    assert data.test.inputs.mean(0).abs().max() > 0.01  # of 8 numbers that nothing was fitted to


def test_images_are_standardised_by_one_mean_and_deviation(tmp_path):
    data = arrays(tmp_path, {"inputs": IMAGES, "labels": LABELS})
    assert data.shape == (4, 5)
    assert data.train.inputs.mean().item() == pytest.approx(0, abs=1e-5)
    assert data.train.inputs.std(correction=0).item() == pytest.approx(1)
    assert len(torch.unique(whole(data))) == len(np.unique(IMAGES))  # one map for all: equal bytes stay equal


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"standardise": "none"}, VECTORS),
        ({"mean": 1.0, "std": 2.0}, (VECTORS - 1) / 2),
        ({"mean": [1.0, 0.0, 2.0], "std": [1.0, 2.0, 4.0]}, (VECTORS - [1, 0, 2]) / [1, 2, 4]),
    ],
)
def test_what_is_stated_is_used_instead(tmp_path, options, expected):
    found = np.sort(whole(arrays(tmp_path, **options)).numpy(), axis=0)
    np.testing.assert_allclose(found, np.sort(expected, axis=0), rtol=1e-5, atol=1e-6)


def test_parts_of_their_own_are_those_parts(tmp_path):
    rng = np.random.default_rng(2)
    given = {"inputs": VECTORS, "labels": LABELS}
    given |= {"test_inputs": rng.normal(size=(6, 3)), "test_labels": np.arange(6) % 2}
    data = arrays(tmp_path, given, val_size=0.25)
    assert [len(part) for part in (data.train, data.val, data.test)] == [30, 10, 6]
    assert data.test.labels.tolist() == [0, 1, 0, 1, 0, 1]
    given |= {"val_inputs": rng.normal(size=(4, 3)), "val_labels": np.arange(4) % 2}
    data = arrays(tmp_path, given)
    assert [len(part) for part in (data.train, data.val, data.test)] == [40, 4, 6]


def test_labels_may_be_words_and_numbers_with_gaps(tmp_path):
    words = np.array(["no", "yes"])[LABELS]
    assert arrays(tmp_path, {"inputs": VECTORS, "labels": words}).parts.names == ("no", "yes")
    assert arrays(tmp_path, {"inputs": VECTORS, "labels": LABELS * 7 - 3}).parts.names == ("-3", "4")


def test_a_large_array_is_standardised_in_slices_to_the_same_numbers(tmp_path, monkeypatch):
    expected = whole(arrays(tmp_path))
    monkeypatch.setattr("simplicity_sweep.data.moments._AT_ONCE", 7)
    torch.testing.assert_close(whole(arrays(tmp_path, split_seed=0)), expected)


def nan_at(place: int) -> np.ndarray:
    inputs = VECTORS.copy()
    inputs[place, 1] = np.nan
    return inputs


CONSTANT = np.concatenate([VECTORS, np.ones((N, 1))], axis=1)
DOUBLED = {"inputs": np.concatenate([VECTORS] * 2), "labels": np.concatenate([LABELS] * 2)}
TEST = {"test_inputs": VECTORS[:4] + 0.5, "test_labels": LABELS[:4]}


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        ({"labels": LABELS}, {}, "holds the arrays labels; expected inputs and labels"),
        ({"inputs": VECTORS, "labels": LABELS, "x": LABELS}, {}, "holds the arrays inputs, labels, x; expected"),
        ({"inputs": VECTORS, "labels": LABELS, "test_inputs": VECTORS}, {}, "expected inputs and labels"),
        ({"inputs": VECTORS, "labels": LABELS[:9]}, {}, r"labels is of shape \[9\]; expected \[40\]"),
        ({"inputs": VECTORS, "labels": np.eye(N)}, {}, r"labels is of shape \[40, 40\].*argmax"),
        ({"inputs": VECTORS, "labels": LABELS + 0.5}, {}, r"mine.npz, labels\[0\]: labels = 0.5; expected a whole"),
        ({"inputs": VECTORS, "labels": LABELS * 0}, {}, "labels = 0. A classifier needs two classes"),
        ({"inputs": VECTORS[:, 0], "labels": LABELS}, {}, r"inputs is float64 of shape \[40\]; expected numbers"),
        ({"inputs": VECTORS.astype(str), "labels": LABELS}, {}, "inputs is <U.*expected numbers"),
        ({"inputs": nan_at(3), "labels": LABELS}, {}, r"inputs\[3\] holds NaN or an infinity, as 1 of 40 do"),
        ({"inputs": CONSTANT, "labels": LABELS}, {}, r"mine.npz: inputs\[:, 3\] is constant in the training part"),
        (DOUBLED, {}, r"stand in the training part too, label included: mine.npz, inputs\[\d+\] = mine.npz, inputs\["),
        ({"inputs": VECTORS, "labels": LABELS, **TEST, "test_inputs": VECTORS[:4]}, {}, "4 of 4 examples of the test"),
        ({"inputs": VECTORS, "labels": LABELS, **TEST, "test_inputs": VECTORS[:4, :2]}, {}, r"expected \['n', 3\]"),
        ({"inputs": VECTORS, "labels": LABELS, **TEST, "test_labels": [0, 0, 0, 0]}, {}, "Class '1' has no example in"),
        ({"inputs": VECTORS, "labels": LABELS, **TEST, "test_labels": [0, 1, 2, 0]}, {}, "test_labels = 2 is none of"),
        (None, {"standardise": "rows"}, "`standardise` to be auto, columns, whole or none"),
        (None, {"std": [1.0, 2.0]}, r"data.std = \[1.0, 2.0\]; expected 1 or 3 finite numbers above 0"),
        (None, {"std": 0.0}, "data.std = 0.0; expected 1 or 3 finite numbers above 0"),
        (None, {"mean": "grey"}, "data.mean = 'grey'; expected 1 or 3 finite numbers, or null"),
    ],
)
def test_what_would_mislead_is_refused_by_array_and_place(tmp_path, given, options, message):
    with pytest.raises(DataError, match=message):
        arrays(tmp_path, given, **options)


def test_a_file_that_is_no_archive_is_refused_without_advice_to_load_it_unsafely(tmp_path):
    (tmp_path / "text.npz").write_text("inputs, labels")
    np.save(tmp_path / "one.npy", VECTORS)
    for name in ("text.npz", "one.npy"):
        with pytest.raises(DataError, match=f"{name} can't be read as an .npz file") as caught:
            arrays(tmp_path, path=tmp_path / name)
        assert "pickle" not in str(caught.value)


def test_the_command_trains_on_arrays(tmp_path):
    np.savez(tmp_path / "mine.npz", inputs=IMAGES, labels=LABELS)
    done = train(tmp_path, "data=npz", f"data.path={tmp_path}/mine.npz", "trainer=cpu", "trainer.max_epochs=1")
    assert done.returncode == 0, done.stderr
    [run] = runs(tmp_path)
    assert (run.data.tags["fused"], run.data.params["data"]) == ("yes", "npz")
