"""Memory: how much there is, and whether it has run out."""

from __future__ import annotations

import os
from pathlib import Path

import torch

_CPU_MESSAGE = "DefaultCPUAllocator: can't allocate memory"


def free_bytes(device: torch.device) -> int:
    """Memory on `device` that can be taken: on a CPU, what the kernel could free counts, and a cgroup's limit holds."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return min([_available(), *_left_in_cgroup()])


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether an error says that memory has run out."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and _CPU_MESSAGE in str(error)
    )


def _available(path: Path = Path("/proc/meminfo")) -> int:
    if path.exists():
        for line in path.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _left_in_cgroup(folder: Path = Path("/sys/fs/cgroup")) -> list[int]:
    """What the process's memory limit leaves, in a list of one; empty where there is no limit."""
    limit, used, parts = (folder / name for name in ("memory.max", "memory.current", "memory.stat"))
    if not (limit.exists() and used.exists()) or limit.read_text().strip() == "max":
        return []
    stats = dict(line.split() for line in parts.read_text().splitlines()) if parts.exists() else {}
    return [max(0, int(limit.read_text()) - int(used.read_text()) + int(stats.get("inactive_file", 0)))]
