"""scikit-learn's digits: one fixed, stratified test part, and standardised by the training part's figures."""

from __future__ import annotations

import torch
from hydra.utils import instantiate
from sklearn.datasets import load_digits

from simplicity_sweep.data import Digits


def digits(**options: int) -> Digits:
    data = Digits(root="unused", val_size=180, mean=0.0, std=1 / 16, **options)
    data.prepare_data()
    data.setup()
    return data


def images(*splits: object) -> list[tuple[int, ...]]:
    """The images as sixteenths of grey, which scikit-learn counts in; in sorted order."""
    pixels = torch.cat([split.inputs.flatten(1) for split in splits])  # type: ignore[attr-defined]
    return sorted(tuple(image) for image in pixels.round().long().tolist())


def test_the_parts_are_all_of_the_digits():
    data = digits()
    assert (len(data.train), len(data.val), len(data.test)) == (1257, 180, 360)
    assert (data.shape, data.classes) == ((8, 8), 10)
    assert images(data.train, data.val, data.test) == sorted(map(tuple, load_digits().data.astype(int).tolist()))


def test_every_class_has_36_test_images():
    assert digits().test.labels.bincount().tolist() == [36] * 10


def test_images_and_labels_stay_together():
    source = load_digits()
    known = {tuple(image): label for image, label in zip(source.data.astype(int).tolist(), source.target, strict=True)}
    test = digits().test
    pixels = test.inputs.flatten(1).round().long().tolist()
    assert [known[tuple(image)] for image in pixels] == test.labels.tolist()


def test_the_test_part_is_the_same_for_every_seed():
    assert torch.equal(digits().test.inputs, digits(split_seed=1, order_seed=1).test.inputs)


def test_the_configured_figures_are_those_of_the_training_part(composed):
    data = instantiate(composed("data=digits").data)
    data.setup()
    inputs = torch.cat([data.train.inputs, data.val.inputs]).double()
    # They are given to four digits: half a unit of the last is 0.00014 of an std.
    assert abs(inputs.mean()) < 5e-4
    assert abs(inputs.std() - 1) < 5e-4
