"""Data that are read batch by batch from files: the same to the bit, chosen by what is free, made once and whole."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from simplicity_sweep.data import Arrays, DataError, ImageFolder, Table, TensorData, kept, open_data, residence
from simplicity_sweep.data.kept import Kept
from tests.commands import points, runs, train

RNG = np.random.default_rng(0)
N = 60
IMAGES = RNG.integers(0, 256, (N, 4, 5), dtype=np.uint8)


def npz(folder: Path, resident: Any, **options: Any) -> TensorData:
    if not (folder / "mine.npz").exists():
        np.savez_compressed(folder / "mine.npz", inputs=IMAGES, labels=np.arange(N) % 2)
    return ready(Arrays(path=folder / "mine.npz", root=folder, resident=resident, **options))


def image_folder(folder: Path, resident: Any) -> TensorData:
    for number, image in enumerate(IMAGES):
        path = folder / "images" / ("cat", "dog")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            Image.fromarray(image).save(path)
    (folder / "images" / "cat" / "notes.txt").write_text("no image")
    return ready(ImageFolder(path=folder / "images", skip_unreadable=True, root=folder, resident=resident))


def table(folder: Path, resident: Any) -> TensorData:
    frame = pd.DataFrame({"a": RNG.normal(size=N), "town": np.arange(N) % 3, "y": np.arange(N) % 2})
    if not (folder / "mine.csv").exists():
        frame.to_csv(folder / "mine.csv", index=False)
    options = {"categorical": ["town"], "resident": resident, "root": folder}
    return ready(Table(path=folder / "mine.csv", target="y", **options))


def module(folder: Path, resident: Any) -> TensorData:
    return ready(open_data({"_target_": "tests.foreign_data.Rings", "root": folder, "resident": resident}))


def ready(data: TensorData) -> TensorData:
    data.prepare_data()
    data.setup()
    return data


def streamed(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "streamed").glob("*") if path.is_dir())


@pytest.mark.parametrize("open_as", [npz, image_folder, table, module])
def test_what_is_read_from_files_is_what_lies_in_memory_to_the_bit(tmp_path, open_as):
    whole, from_files, again = (open_as(tmp_path, resident) for resident in (True, False, False))
    assert again.train is from_files.train
    [folder] = streamed(tmp_path)
    for name, split in whole.parts.by_name().items():
        other = from_files.parts.by_name()[name]
        assert torch.equal(split.inputs, other.inputs)
        assert torch.equal(split.labels, other.labels)
        assert not list(folder.glob("raw_*"))
    reopened = Kept(folder).open()
    assert reopened.fingerprint == whole.parts.fingerprint
    for field in ("outputs", "names", "columns", "notes", "batch_size"):
        assert getattr(reopened, field) == getattr(whole.parts, field)


def test_what_does_not_fit_into_half_of_what_is_free_is_read_from_files_and_that_is_said(tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    needed = N * 4 * 5 * 4
    monkeypatch.setattr(residence, "free_bytes", lambda _: 2 * needed)
    npz(tmp_path, "auto")
    assert streamed(tmp_path) == []
    assert "mine.npz: its inputs take 0.0048 MB, and lie whole in the memory of cpu: at most half of" in caplog.text
    monkeypatch.setattr(residence, "free_bytes", lambda _: 2 * needed - 1)
    npz(tmp_path, "auto", split_seed=1)
    assert len(streamed(tmp_path)) == 1
    assert "are read batch by batch from files: more than half of the 0.0096 MB that are free" in caplog.text


def test_a_gpu_without_room_gets_its_batches_one_by_one(tmp_path, monkeypatch, caplog):
    # The meta device stands for a GPU: every machine has it.
    caplog.set_level(logging.INFO)
    gpu = SimpleNamespace(world_size=1, strategy=SimpleNamespace(root_device=torch.device("meta")))
    for resident, free, where in (
        ("auto", 10**9, "meta"),
        ("auto", 10, "cpu"),
        (False, 10**9, "cpu"),
        (True, 10, "meta"),
    ):
        data = Arrays(path=tmp_path / "mine.npz", root=tmp_path / f"{resident}{free}", resident=resident)
        npz(tmp_path, True)
        data.setup()
        data.trainer = gpu
        monkeypatch.setattr(residence, "free_bytes", lambda device, free=free: free if device.type == "meta" else 10**9)
        data.setup("fit")
        assert data.train.device.type == where
    assert "go to meta batch by batch: more than half of the" in caplog.text


def test_what_is_kept_is_not_made_again_until_a_file_changes(tmp_path, monkeypatch):
    npz(tmp_path, False)
    monkeypatch.setattr("simplicity_sweep.data.tensors._SHELF.get", lambda _, load: load())  # as in another process
    monkeypatch.setattr(Arrays, "surveyed", lambda self: pytest.fail("was read again"))
    npz(tmp_path, False)
    monkeypatch.undo()
    os.utime(tmp_path / "mine.npz", ns=(0, 0))
    npz(tmp_path, False)
    assert len(streamed(tmp_path)) == 2


def test_where_making_fails_nothing_is_left_and_what_a_killed_process_left_is_cleared(tmp_path):
    place = Kept(tmp_path / "streamed" / "mark")
    with pytest.raises(ZeroDivisionError):
        place.opened(lambda room: 1 / 0, needed=1)
    assert [path.name for path in (tmp_path / "streamed").iterdir()] in ([], ["mark.lock"])
    (tmp_path / "streamed" / ".mark-killed").mkdir()
    parts = npz(tmp_path, True).parts

    def make(room: Any) -> Any:
        for name, split in parts.by_name().items():
            kept.room_for_inputs(room, name, split.inputs.shape).copy_(split.inputs)
        return parts

    assert torch.equal(place.opened(make, needed=1).test.inputs, parts.test.inputs)
    assert not list((tmp_path / "streamed").glob(".mark-*"))


def test_of_many_that_need_it_at_once_one_makes_it(tmp_path):
    parts, made, found = npz(tmp_path, True).parts, [], []

    def make(room: Any) -> Any:
        made.append(threading.get_ident())
        for name, split in parts.by_name().items():
            kept.room_for_inputs(room, name, split.inputs.shape).copy_(split.inputs)
        return parts

    def open_it() -> None:
        found.append(Kept(tmp_path / "streamed" / "mark").opened(make, needed=1))  # as each process would

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert [torch.equal(each.train.inputs, parts.train.inputs) for each in found] == [True] * 4


def test_too_small_a_disk_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(kept.shutil, "disk_usage", lambda _: SimpleNamespace(free=100))
    with pytest.raises(DataError, match=r"GB are needed there to keep the data, .*data\.root=.*data\.resident=true"):
        npz(tmp_path, False)
    assert streamed(tmp_path) == []


def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path):
    (tmp_path / "streamed").write_text("a file")
    with pytest.raises(DataError, match=r"can't be kept there .*data\.root=…"):
        npz(tmp_path, False)


def test_the_command_gives_the_same_figures_from_files_and_from_memory(tmp_path):
    data = image_folder(tmp_path, True)
    assert len(data.train) == 42
    common = ("data=image_folder", f"data.path={tmp_path}/images", "data.skip_unreadable=true", "measure=full")
    common += (f"data.root={tmp_path}", "data.batch_size=8", "trainer=cpu", "trainer.max_epochs=2", "depth.width=8")
    figures = []
    for resident in ("true", "false"):
        folder = tmp_path / resident
        folder.mkdir()
        done = train(folder, "-m", *common, f"data.resident={resident}", "seed=0,1")
        assert done.returncode == 0, done.stderr
        figures.append(points(folder))
    assert len(figures[0]) > 100
    assert figures[0] == figures[1]
    # 61 files, one of which is no image, of 20 numbers of 4 bytes; decided once in the process.
    [line] = [line for line in done.stdout.splitlines() if "its inputs take" in line]
    assert "images: its inputs take 0.00488 MB, and are read batch by batch from files: data.resident=false" in line
    hashes = [{run.data.tags.get("config_hash") for run in runs(tmp_path / name)} for name in ("true", "false")]
    assert hashes[0] == hashes[1]
