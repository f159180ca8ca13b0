"""Jobs of one process leave nothing behind for each other."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.commands import Command, parent_and_children, train

LEAKY = """
import logging, os, random, warnings
import numpy as np
import torch
from torch import nn

class Leaves(nn.Tanh):
    def forward(self, x):
        if not self.training:
            torch.set_default_dtype(torch.float64)
            torch.use_deterministic_algorithms(True)
            torch.set_num_threads(1)
            torch.set_flush_denormal(True)
            torch.manual_seed(1), np.random.seed(1), random.seed(1)
            os.environ["OMP_NUM_THREADS"] = "1"
            logging.disable(logging.CRITICAL)
            warnings.simplefilter("ignore")
        return super().forward(x)
"""


@pytest.mark.parametrize("launcher", ["basic", "fused"])
def test_a_job_that_changes_its_process_changes_no_bit_of_the_next_one(tmp_path, launcher):
    (tmp_path / "leaky.py").write_text(LEAKY)
    figures = []
    for number, order in enumerate(["torch.nn.Tanh,leaky.Leaves", "leaky.Leaves,torch.nn.Tanh"]):
        folder = tmp_path / str(number)
        folder.mkdir()
        jobs = [f"activation._target_={order}", "trust=[leaky]", "data=digits", "trainer=cpu", "trainer.max_epochs=2"]
        ended = train(folder, "-m", *jobs, f"hydra/launcher={launcher}", PYTHONPATH=str(tmp_path))
        assert ended.returncode == 0, ended.stdout + ended.stderr
        _, children = parent_and_children(folder)
        [plain] = [child for child in children if "torch.nn.Tanh" in child.data.tags["overrides"]]
        figures.append(plain.data.metrics)
        log = Path(plain.data.tags["folder"], "train.log").read_text()
        assert "test: accuracy" in log
    assert figures[0] == figures[1]


@pytest.mark.slow
def test_neither_memory_nor_open_files_grow_with_the_number_of_jobs(tmp_path):
    quick = ["data=digits", "trainer=debug", "measure=none"]
    command = Command(tmp_path, "-m", *quick, "seed=range(200)", "hydra/launcher=basic")
    seen = {}
    for job in (50, 199):
        while command.poll() is None and not (tmp_path / "multirun" / str(job)).is_dir():
            time.sleep(0.02)
        assert command.poll() is None
        status = Path(f"/proc/{command.pid}/status").read_text()
        [resident] = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")]
        seen[job] = resident, len(list(Path(f"/proc/{command.pid}/fd").iterdir()))
    assert command.ended().returncode == 0
    (memory, files), (memory_later, files_later) = seen[50], seen[199]
    assert files_later <= files + 2  # a job's log file may be open at one of the moments
    # Hydra keeps each job's configuration, 200 KB, in what its launcher returns; a network with its Trainer is larger.
    assert (memory_later - memory) / (199 - 50) < 400
