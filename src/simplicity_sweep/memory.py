"""How much memory a device has to spare, and whether it has run out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import torch

_CPU_MESSAGE = "DefaultCPUAllocator: can't allocate memory"


def free_bytes(device: torch.device) -> int:
    """Memory on `device` that can be taken: on a CPU, what the kernel could free counts, and cgroups' limits hold."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return min([_available(), *_left_in_cgroups()])


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


def _left_in_cgroups(root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> list[int]:
    """What each memory limit that this process is under leaves; those of the groups that hold its group too."""
    found = (left for folder in _cgroups(root, own) for left in (_left(folder), _left_in_first_version(folder)))
    return [left for left in found if left is not None]


def _cgroups(root: Path, own: Path) -> Iterator[Path]:
    """The folders of the process's groups: in the second version of cgroups those of all resources are one."""
    yield from (root, root / "memory")
    for line in own.read_text().splitlines() if own.exists() else ():
        _, resources, path = line.split(":", 2)
        if resources in ("", "memory"):
            inner = Path(path.lstrip("/"))
            yield from (root / resources / part for part in (inner, *inner.parents) if part != Path())


def _left(folder: Path) -> int | None:
    limit = folder / "memory.max"
    if not limit.exists() or limit.read_text().strip() == "max":
        return None
    return _difference(folder, limit, "memory.current", "inactive_file")


def _left_in_first_version(folder: Path) -> int | None:
    limit = folder / "memory.limit_in_bytes"
    return _difference(folder, limit, "memory.usage_in_bytes", "total_inactive_file") if limit.exists() else None


def _difference(folder: Path, limit: Path, used: str, reclaimable: str) -> int | None:
    if not (folder / used).exists():
        return None
    parts = folder / "memory.stat"
    stats = dict(line.split() for line in parts.read_text().splitlines()) if parts.exists() else {}
    return max(0, int(limit.read_text()) - int((folder / used).read_text()) + int(stats.get(reclaimable, 0)))
