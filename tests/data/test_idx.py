"""IDX files: hand-made bytes give the arrays that they spell; anything else is refused."""

from __future__ import annotations

import pytest

from simplicity_sweep.data import DataError
from simplicity_sweep.data.idx import parse_idx

# Two images of 1 × 3, spelt by hand.
TWO_IMAGES = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 1, 2, 3, 4, 5, 255])


def test_axes_and_values_are_those_of_the_bytes():
    assert parse_idx(TWO_IMAGES, "images").tolist() == [[[1, 2, 3]], [[4, 5, 255]]]


def test_lengths_are_big_endian():
    assert parse_idx(bytes([0, 0, 8, 1, 0, 0, 1, 2]) + bytes(258), "labels").shape == (258,)


def test_an_axis_of_length_0_gives_an_empty_array():
    assert parse_idx(bytes([0, 0, 8, 1, 0, 0, 0, 0]), "labels").shape == (0,)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (TWO_IMAGES[:-1], r"images is truncated: expected 22 bytes for the shape \(2, 1, 3\).*got 21"),
        (TWO_IMAGES + b"\0", r"images is too long: expected 22 bytes .*got 23"),
        (TWO_IMAGES[:9], "images is truncated"),
        (bytes([0, 0, 13, 1, 0, 0, 0, 1, 0, 0, 0, 0]), "begin with 00 00 08 .*got 00 00 0d 01"),  # floats
        (b"<!DOCTYPE html>", "no IDX file .*got 3c 21 44 4f"),
        (b"", "got an empty file"),
        (bytes([0, 0, 8, 0, 7]), "no IDX file .*got 00 00 08 00"),  # no axis
    ],
)
def test_what_is_no_whole_idx_file_of_bytes_is_refused(content, message):
    with pytest.raises(DataError, match=message):
        parse_idx(content, "images")
