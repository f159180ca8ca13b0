"""The MNIST family: bytes become standardised images; real files, where there are any, are whole."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch
from hydra.utils import instantiate

from simplicity_sweep.data import KMNIST, MNIST, Collection, DataError, FashionMNIST, IdxImages, PublishedFile
from tests.conftest import PROJECT
from tests.data.published_images import NAMES, Shop, Tiny, contents, idx


def test_images_keep_their_shape_and_labels_their_place(tmp_path):
    # Image k holds 4k to 4k + 3; with mean 0 and std 1 / 255 the inputs are the bytes themselves.
    data = Tiny(root=tmp_path, val_size=2, mean=0.0, std=1 / 255)
    data.prepare_data()
    data.setup()
    assert (data.shape, data.classes) == ((2, 2), 3)
    assert data.test.inputs.round().tolist() == [[[24, 25], [26, 27]], [[28, 29], [30, 31]]]
    assert data.test.labels.tolist() == [0, 1]
    image = (data.train.inputs[:, 0, 0] / 4).round().long()
    assert torch.equal(data.train.labels, image % 3)


def test_preparing_twice_fetches_once(tmp_path, monkeypatch):
    shop = Shop()
    collection = Collection("Tiny", "", Tiny.collection.files, (shop,))
    monkeypatch.setattr(Tiny, "collection", collection)
    for _ in range(2):
        Tiny(root=tmp_path, val_size=2, mean=0.0, std=1.0).prepare_data()
    assert shop.asked == 1


def test_setting_up_before_preparing_says_what_to_do(tmp_path):
    with pytest.raises(DataError, match=r"Call `prepare_data\(\)` first"):
        Tiny(root=tmp_path, val_size=2, mean=0.0, std=1.0).setup()


def test_images_without_their_axes_are_refused(tmp_path, monkeypatch):
    flat = contents() | {NAMES[0]: idx(np.zeros((6, 4), dtype=np.uint8))}
    files = tuple(PublishedFile(name, hashlib.md5(raw).hexdigest()) for name, raw in flat.items())
    monkeypatch.setattr(Tiny, "collection", Collection("Tiny", "", files, (Shop(flat),)))
    data = Tiny(root=tmp_path, val_size=2, mean=0.0, std=1.0)
    data.prepare_data()
    with pytest.raises(DataError, match="images of Tiny to have 3 axes and its labels 1, but got 2 and 1"):
        data.setup()


# Per class in the published training part: by each data set's paper; MNIST's as counted by many.
COUNTS = {
    MNIST: [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
    FashionMNIST: [6000] * 10,
    KMNIST: [6000] * 10,
}


@pytest.mark.parametrize("dataset", COUNTS)
def test_the_real_files_are_whole_and_standardised(composed, dataset: type[IdxImages]):
    option = {MNIST: "mnist", FashionMNIST: "fashion_mnist", KMNIST: "kmnist"}[dataset]
    data = instantiate(composed(f"data={option}").data, root=PROJECT / "data")
    if any(file.locate(data.collection.folder(data.root)) is None for file in data.collection.files):
        pytest.skip(f"{dataset.__name__} has not been fetched")
    data.setup()
    assert (len(data.train), len(data.val), len(data.test)) == (55_000, 5_000, 10_000)
    assert (data.shape, data.classes) == ((28, 28), 10)
    inputs = torch.cat([data.train.inputs, data.val.inputs])
    labels = torch.cat([data.train.labels, data.val.labels])
    assert labels.bincount().tolist() == COUNTS[dataset]
    # The configuration gives mean and std to four digits: half a unit of the last is 0.0002 of an std.
    assert abs(inputs.mean(dtype=torch.float64)) < 1e-3
    assert abs(inputs.double().std() - 1) < 1e-3
