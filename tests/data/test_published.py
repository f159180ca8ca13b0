"""One published file: found with or without compression, read only when it is the right one."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest

from simplicity_sweep.data import DataError, PublishedFile
from tests.data.published_images import idx

RAW = idx(np.array([3, 1, 4], dtype=np.uint8))
PACKED = gzip.compress(RAW, mtime=0)
PLAIN = PublishedFile("labels", hashlib.md5(RAW).hexdigest())
ZIPPED = PublishedFile("labels", hashlib.md5(PACKED).hexdigest(), zipped=True)


def write(folder: Path, **contents: bytes) -> None:
    for name, content in contents.items():
        (folder / name.replace("_gz", ".gz")).write_bytes(content)


def test_the_file_without_compression_comes_first(tmp_path):
    assert PLAIN.locate(tmp_path) is None
    write(tmp_path, labels_gz=PACKED)
    assert PLAIN.locate(tmp_path) == tmp_path / "labels.gz"
    write(tmp_path, labels=RAW)
    assert PLAIN.locate(tmp_path) == tmp_path / "labels"


def test_a_file_known_by_its_gz_is_read_from_that_alone(tmp_path):
    write(tmp_path, labels=RAW)
    assert ZIPPED.locate(tmp_path) is None
    write(tmp_path, labels_gz=PACKED)
    assert ZIPPED.read(tmp_path / "labels.gz") == RAW


def test_any_compression_of_the_right_contents_is_taken(tmp_path):
    write(tmp_path, labels_gz=gzip.compress(RAW, compresslevel=1, mtime=99))
    assert PLAIN.read(tmp_path / "labels.gz") == RAW


@pytest.mark.parametrize("name", ["labels", "labels.gz"])
def test_other_contents_are_refused_by_md5(tmp_path, name):
    other = idx(np.array([3, 1, 5], dtype=np.uint8))
    (tmp_path / name).write_bytes(gzip.compress(other) if name.endswith(".gz") else other)
    with pytest.raises(DataError, match=f"{name} .*expected MD5 {PLAIN.md5}, but got [0-9a-f]{{32}}"):
        PLAIN.read(tmp_path / name)


def test_a_gz_of_another_md5_is_refused_where_that_is_what_is_known(tmp_path):
    write(tmp_path, labels_gz=gzip.compress(RAW, mtime=99))
    with pytest.raises(DataError, match=f"expected MD5 {ZIPPED.md5}"):
        ZIPPED.read(tmp_path / "labels.gz")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("labels", RAW[:-1], "truncated: expected 11 bytes .*got 10"),
        ("labels.gz", PACKED[:-4], "cannot be read"),
        ("labels.gz", b"no gzip at all", "cannot be read"),
        ("labels.gz", PACKED[:12] + b"\xff" + PACKED[13:], "cannot be read"),
        ("labels", b"<html>", "no IDX file"),
    ],
)
def test_damage_is_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        PLAIN.read(tmp_path / name)
