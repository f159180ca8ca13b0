"""Images of the user's: one folder a class, decoded, of one size, refused where they would mislead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from simplicity_sweep.data import DataError, ImageFolder
from tests.commands import runs, train

RNG = np.random.default_rng(0)


def write(path: Path, shape: tuple[int, ...] = (6, 5)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(RNG.integers(0, 256, shape, dtype=np.uint8)).save(path)


def folder_of(root: Path, shape: tuple[int, ...] = (6, 5), n: int = 10) -> Path:
    for name in ("cat", "dog"):
        for number in range(n):
            write(root / name / f"{number}.png", shape)
    return root


def images(root: Path, **options: Any) -> ImageFolder:
    data = ImageFolder(path=root, **options)
    data.prepare_data()
    data.setup()
    return data


@pytest.mark.parametrize(("shape", "expected"), [((6, 5), (6, 5)), ((6, 5, 3), (3, 6, 5)), ((6, 5, 4), (3, 6, 5))])
def test_folders_are_classes_and_parts_are_divided_by_class(tmp_path, shape, expected):
    data = images(folder_of(tmp_path, shape), val_size=0.1, test_size=0.2)
    assert (data.shape, data.parts.names) == (expected, ("cat", "dog"))
    assert [part.labels.bincount().tolist() for part in (data.train, data.val, data.test)] == [[7, 7], [1, 1], [2, 2]]


def test_pixels_are_standardised_by_the_training_part_each_colour_by_itself(tmp_path):
    data = images(folder_of(tmp_path, (6, 5, 3)))
    torch.testing.assert_close(data.train.inputs.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(data.train.inputs.std((0, 2, 3), correction=0), torch.ones(3))


def test_given_moments_are_of_values_from_0_to_1(tmp_path):
    for name, grey in (("cat", 51), ("dog", 255)):
        for number in range(3):  # of one grey, but for a pixel that tells them apart
            pixels = np.full((2, 2), grey, dtype=np.uint8)
            pixels[0, 0] = 100 + number
            (tmp_path / name).mkdir(exist_ok=True)
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
    data = images(tmp_path, val_size=2, test_size=2, mean=0.5, std=0.25)
    # (51/255 - 0.5) / 0.25 = -1.2 and (255/255 - 0.5) / 0.25 = 2, by hand.
    for label, expected in ((0, -1.2), (1, 2.0)):
        assert data.train.inputs[data.train.labels == label][0, 1, 1].item() == pytest.approx(expected)


def test_train_val_and_test_folders_are_the_parts(tmp_path):
    folder_of(tmp_path / "train")
    folder_of(tmp_path / "test", n=3)
    data = images(tmp_path, val_size=0.2)
    assert [len(part) for part in (data.train, data.val, data.test)] == [16, 4, 6]
    folder_of(tmp_path / "val", n=2)
    data = images(tmp_path)
    assert [len(part) for part in (data.train, data.val, data.test)] == [20, 4, 6]


def test_images_of_several_sizes_are_resized_where_a_size_is_stated(tmp_path):
    write(folder_of(tmp_path) / "cat" / "large.png", (60, 50))
    with pytest.raises(DataError, match=r"large\.png has 60 × 50 pixels, .*0\.png 6 × 5.*data\.size=\[height,width\]"):
        images(tmp_path)
    assert images(tmp_path, size=[6, 8]).shape == (6, 8)
    assert images(tmp_path, size=4).shape == (4, 4)


def test_grey_and_coloured_images_need_a_word_on_colours(tmp_path):
    write(folder_of(tmp_path) / "dog" / "red.png", (6, 5, 3))
    with pytest.raises(DataError, match=r"red\.png is coloured, .*0\.png grey\. Say data\.colour=grey or rgb"):
        images(tmp_path)
    assert images(tmp_path, colour="grey").shape == (6, 5)
    assert images(tmp_path, colour="rgb").shape == (3, 6, 5)


def test_files_that_do_not_decode_are_named_and_skipped_only_if_asked_for(tmp_path, caplog):
    folder_of(tmp_path)
    (tmp_path / "cat" / "notes.txt").write_text("no image")
    whole = (tmp_path / "dog" / "0.png").read_bytes()
    (tmp_path / "dog" / "cut.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"2 files can't be read.*notes\.txt \(no image.*cut\.png \(.*skip_unreadable"):
        images(tmp_path)
    data = images(tmp_path, skip_unreadable=True)
    assert len(data.train) + len(data.val) + len(data.test) == 20
    assert "2 files that can't be read as images were skipped" in caplog.text


def test_images_of_more_than_8_bits_are_named(tmp_path):
    Image.fromarray(np.full((6, 5), 60000, dtype=np.uint16)).save(folder_of(tmp_path) / "cat" / "deep.png")
    with pytest.raises(DataError, match=r"deep\.png \(its pixels are of Pillow's mode I;16; 8 bits"):
        images(tmp_path)


def test_an_equal_image_in_two_parts_is_named(tmp_path):
    folder_of(tmp_path / "train")
    folder_of(tmp_path / "test", n=3)
    Image.open(tmp_path / "train" / "cat" / "4.png").save(tmp_path / "test" / "cat" / "copy.png")
    with pytest.raises(DataError, match=r"stand in the \w+ part too, .*test/cat/copy\.png = train/cat/4\.png"):
        images(tmp_path)


def test_folders_that_can_not_be_used_are_named(tmp_path):
    with pytest.raises(DataError, match="nowhere does not exist"):
        images(tmp_path / "nowhere")
    with pytest.raises(DataError, match="holds no folders; expected one for each class"):
        images(tmp_path)
    (folder_of(tmp_path / "a") / "empty").mkdir()
    with pytest.raises(DataError, match="empty is empty; expected the images of class 'empty'"):
        images(tmp_path / "a")
    write(tmp_path / "b" / "only" / "0.png")
    with pytest.raises(DataError, match="b holds one class only, 'only'"):
        images(tmp_path / "b")
    folder_of(tmp_path / "c" / "train")
    write(tmp_path / "c" / "test" / "cow" / "0.png")
    with pytest.raises(DataError, match="the training part has no class 'cow'; its are cat, dog"):
        images(tmp_path / "c")
    (tmp_path / "c" / "more").mkdir()
    with pytest.raises(DataError, match="holds train and test, which are parts, and beside them more"):
        images(tmp_path / "c")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="file is no folder"):
        images(tmp_path / "file")


@pytest.mark.parametrize(
    ("options", "message"),
    [({"colour": "red"}, "`colour` to be auto, grey or rgb"), ({"size": [1, 2, 3]}, "`size` to be height and width")],
)
def test_arguments_out_of_range_are_refused(tmp_path, options, message):
    with pytest.raises(DataError, match=message):
        ImageFolder(path=tmp_path, **options)


def test_the_command_trains_on_a_folder_of_images(tmp_path):
    root = folder_of(tmp_path / "images", (6, 5, 3))
    done = train(tmp_path, "data=image_folder", f"data.path={root}", "trainer=cpu", "trainer.max_epochs=1")
    assert done.returncode == 0, done.stderr
    [run] = runs(tmp_path)
    assert run.data.tags["fused"] == "yes"
