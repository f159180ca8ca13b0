"""What each of several processes does in the test of values across processes."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
import torch.distributed as dist

from tests.metrics.cases import CASES, N

RANKS = 2
# What each rank is given of the data, as two batches: an even share, unequal ones, and nothing for the first or the
# last.
SHARES = {
    "even": [[(0, 10), (10, 27)], [(27, 40), (40, N)]],
    "unequal": [[(0, 1), (1, 1)], [(1, 21), (21, N)]],
    "first idle": [[], [(0, 20), (20, N)]],
    "last idle": [[(0, 20), (20, N)], []],
}


def measure(rank: int, folder: str) -> None:
    """Writes every metric's value, standard error and reason as this rank sees them, for every way to share the data.

    Where no rank is idle the value is asked for in between too: what was gathered for it is not to be counted again.
    """
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=RANKS)
    # An idle rank asks for the value of a metric that it never updated.
    warnings.filterwarnings("ignore", message="The ``compute`` method")
    seen = {}
    for share, batches in SHARES.items():
        for name, case in CASES.items():
            metric = case.metric()
            for start, stop in batches[rank]:
                metric.update(**case.part(start, stop))
                if all(batches):
                    metric.compute()
            seen[share, name] = float(metric.compute()), metric.standard_error, metric.reason
    torch.save(seen, Path(folder) / f"{rank}.pt")
    dist.destroy_process_group()
