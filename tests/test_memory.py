"""What memory can be taken: what the kernel could free, within the limits of the process's groups."""

from __future__ import annotations

from pathlib import Path

import torch

from simplicity_sweep import memory
from simplicity_sweep.memory import free_bytes


def group(folder: Path, **values: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in values.items():
        (folder / name.replace("__", ".")).write_text(f"{value}\n")


def left(root: Path, own: str) -> list[int]:
    (root / "own").write_text(own)
    return memory._left_in_cgroups(root / "fs", root / "own")


def test_a_machine_has_some_memory_left():
    assert free_bytes(torch.device("cpu")) > 0


def test_what_the_kernel_could_free_is_memory(tmp_path):
    info = tmp_path / "meminfo"
    info.write_text("MemTotal: 100 kB\nMemFree: 1 kB\nMemAvailable: 7 kB\n")
    assert memory._available(info) == 7 * 1024


def test_a_groups_limit_holds_and_files_that_can_be_read_again_are_no_use_of_it(tmp_path):
    assert left(tmp_path, "0::/\n") == []
    group(tmp_path / "fs", memory__current="60", memory__max="max")
    assert left(tmp_path, "0::/\n") == []
    group(tmp_path / "fs", memory__max="100", memory__stat="anon 40\ninactive_file 5")
    assert left(tmp_path, "0::/\n") == [45]


def test_the_limits_of_a_jobs_own_group_and_of_those_around_it_hold(tmp_path):
    group(tmp_path / "fs" / "slurm", memory__current="10", memory__max="50")
    group(tmp_path / "fs" / "slurm" / "job_7", memory__current="10", memory__max="30")
    assert sorted(left(tmp_path, "0::/slurm/job_7\n")) == [20, 40]


def test_so_do_those_of_the_first_version_of_cgroups(tmp_path):
    group(tmp_path / "fs" / "memory" / "job", memory__usage_in_bytes="40", memory__limit_in_bytes="100")
    group(tmp_path / "fs" / "memory" / "job", memory__stat="cache 9\ntotal_inactive_file 7")
    assert left(tmp_path, "5:cpu,cpuacct:/job\n4:memory:/job\n") == [67]
