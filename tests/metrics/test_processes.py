"""Values across processes: two of them, joined by a file."""

from __future__ import annotations

import pytest
import torch
from torch import multiprocessing

from tests.metrics.cases import CASES
from tests.metrics.ranks import RANKS, SHARES, measure


@pytest.fixture(scope="module")
def seen(tmp_path_factory) -> list[dict]:
    """What each rank saw."""
    if not torch.distributed.is_available():
        pytest.skip("needs a torch that was built with torch.distributed")
    folder = tmp_path_factory.mktemp("ranks")
    multiprocessing.spawn(measure, args=(str(folder),), nprocs=RANKS)
    return [torch.load(folder / f"{rank}.pt") for rank in range(RANKS)]


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("name", CASES)
def test_every_process_sees_the_value_of_the_whole(seen, share, name):
    expected = CASES[name].expected()
    for rank in range(RANKS):
        value, standard_error, reason = seen[rank][share, name]
        assert value == pytest.approx(expected.value, rel=1e-12)
        assert reason is None
        assert standard_error == (
            None if expected.standard_error is None else pytest.approx(expected.standard_error, rel=1e-12)
        )
