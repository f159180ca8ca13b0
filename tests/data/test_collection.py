"""A data set's files: fetched once and whole, never replaced, and one message where nobody has them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from simplicity_sweep.data import DataError, PublishedFile
from tests.conftest import PROJECT
from tests.data.published_images import NAMES, Shop, contents, tiny, zipped


def lying(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "Tiny" / "raw").iterdir())


def test_files_that_are_there_are_not_fetched(tmp_path):
    shop = Shop()
    tiny(shop).fetch(tmp_path)
    tiny(shop).fetch(tmp_path)
    assert shop.asked == 1
    assert lying(tmp_path) == sorted(NAMES)


@pytest.mark.parametrize("wares", [contents(), zipped(contents())], ids=["raw", "gz"])
def test_fetched_files_are_kept_without_compression(tmp_path, wares):
    tiny(Shop(wares)).fetch(tmp_path)
    assert {name: (tmp_path / "Tiny/raw" / name).read_bytes() for name in lying(tmp_path)} == contents()


def test_files_are_checked_beside_their_place(tmp_path):
    # From another file system they could not be moved there whole.
    places = []

    class Noting(Shop):
        def fetch(self, files: Sequence[PublishedFile], into: Path) -> None:
            places.append(into.parent)
            super().fetch(files, into)

    tiny(Noting()).fetch(tmp_path)
    assert places == [tmp_path / "Tiny" / "raw"]


def test_arrays_come_in_the_order_of_the_files(tmp_path):
    tiny(Shop()).fetch(tmp_path)
    images, labels, test_images, test_labels = tiny().read(tmp_path)
    assert images.shape == (6, 2, 2)
    assert labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert test_images.tolist() == [[[24, 25], [26, 27]], [[28, 29], [30, 31]]]
    assert test_labels.tolist() == [0, 1]


def test_gz_files_that_the_user_put_there_are_read(tmp_path):
    folder = tmp_path / "Tiny" / "raw"
    folder.mkdir(parents=True)
    for name, content in zipped(contents()).items():
        (folder / name).write_bytes(content)
    shop = Shop()
    tiny(shop).fetch(tmp_path)
    assert shop.asked == 0
    assert tiny().read(tmp_path)[1].tolist() == [0, 1, 2, 0, 1, 2]


def test_only_what_is_missing_is_brought(tmp_path):
    folder = tmp_path / "Tiny" / "raw"
    folder.mkdir(parents=True)
    (folder / NAMES[1]).write_bytes(b"the user's own")
    tiny(Shop()).fetch(tmp_path)
    assert lying(tmp_path) == sorted(NAMES)
    assert (folder / NAMES[1]).read_bytes() == b"the user's own"


@pytest.mark.parametrize("content", [b"other", contents()[NAMES[0]][:-1], b""], ids=["other", "truncated", "empty"])
def test_a_wrong_file_is_named_with_the_remedy_and_left_alone(tmp_path, content):
    tiny(Shop()).fetch(tmp_path)
    wrong = tmp_path / "Tiny" / "raw" / NAMES[0]
    wrong.write_bytes(content)
    tiny(Shop()).fetch(tmp_path)
    with pytest.raises(DataError, match=f"^{wrong} .* Delete {wrong} and run again"):
        tiny().read(tmp_path)
    assert wrong.read_bytes() == content


def test_reading_before_fetching_says_what_to_call(tmp_path):
    with pytest.raises(DataError, match=r"Tiny is not in .*train-images-idx3-ubyte.* missing.*`prepare_data\(\)`"):
        tiny().read(tmp_path)


def test_the_next_source_is_tried_where_one_fails_or_brings_something_else(tmp_path):
    damaged = Shop({**contents(), NAMES[3]: b"<html>"})
    incomplete = Shop({NAMES[0]: contents()[NAMES[0]]})
    good = Shop()
    tiny(damaged, incomplete, good).fetch(tmp_path)
    assert [damaged.asked, incomplete.asked, good.asked] == [1, 1, 1]
    assert lying(tmp_path) == sorted(NAMES)


def test_where_all_sources_fail_one_message_names_each_and_what_to_do(tmp_path):
    damaged = Shop({**contents(), NAMES[3]: b"<html>"})
    incomplete = Shop({NAMES[0]: contents()[NAMES[0]]})
    with pytest.raises(DataError) as caught:
        tiny(damaged, incomplete).fetch(tmp_path)
    lines = str(caught.value).splitlines()
    assert lines[0] == f"Tiny is not in {tmp_path / 'Tiny/raw'}, and could not be fetched. Tried:"
    assert "the shop" in lines[1]
    assert "no IDX file" in lines[1]
    assert lines[2] == "  - the shop: it brought no train-labels-idx1-ubyte"
    assert f"from https://example.org into {tmp_path / 'Tiny/raw'}" in lines[3]
    assert "`data=digits`, which needs no download" in lines[4]
    assert lying(tmp_path) == []  # and nothing half done lies about


@pytest.mark.parametrize("below", ["root", "root/Tiny", "root/Tiny/raw"])
def test_a_root_that_cannot_be_written_to_is_refused_before_anything_is_fetched(tmp_path, below):
    # A file where a folder should be stops any user, the administrator too.
    blocker = tmp_path / below
    blocker.parent.mkdir(parents=True, exist_ok=True)
    blocker.write_text("a file")
    shop = Shop()
    with pytest.raises(DataError, match=f"`data.root` .*{tmp_path / 'root'}.*for example `data.root="):
        tiny(shop).fetch(tmp_path / "root")
    assert shop.asked == 0


TWO_AT_ONCE = """
import os, sys, time
from pathlib import Path
from tests.data.published_images import Shop, tiny

class Meeting(Shop):
    def fetch(self, files, into):
        Path(sys.argv[2], str(os.getpid())).touch()
        while len(os.listdir(sys.argv[2])) < 2:
            time.sleep(0.01)
        super().fetch(files, into)

tiny(Meeting()).fetch(Path(sys.argv[1]))
print(tiny().read(Path(sys.argv[1]))[1].tolist())
"""


def test_two_processes_may_fetch_at_once(tmp_path):
    # Each is inside its source, with nothing in place yet, before either goes on.
    (tmp_path / "here").mkdir()
    command = [sys.executable, "-c", TWO_AT_ONCE, str(tmp_path), str(tmp_path / "here")]
    running = [subprocess.Popen(command, cwd=PROJECT, stdout=-1, stderr=-1, text=True) for _ in range(2)]
    try:
        ends = [process.communicate(timeout=120) for process in running]
    finally:
        for process in running:
            process.kill()
    assert [process.returncode for process in running] == [0, 0], ends
    assert [out for out, _ in ends] == ["[0, 1, 2, 0, 1, 2]\n"] * 2
    assert lying(tmp_path) == sorted(NAMES)
