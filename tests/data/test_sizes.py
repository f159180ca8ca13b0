"""Sizes of parts: whole numbers, or shares."""

from __future__ import annotations

import pytest

from simplicity_sweep.data import DataError
from simplicity_sweep.data.sizes import check_size, count_of


@pytest.mark.parametrize("size", [0, -1, 1.0, 0.0, 1.5, True, "0.1", None])
def test_what_is_neither_a_count_nor_a_share_is_refused(size):
    with pytest.raises(DataError, match=r"`data\.val_size` to be a whole number of at least 1, or a share"):
        check_size("data.val_size", size)


def test_a_count_is_itself_and_a_share_is_rounded():
    assert [count_of(size, 1797) for size in (180, 0.1, 0.0002)] == [180, 180, 0]  # 179.7 and 0.36
