"""What a member of a group costs in memory, and what there is."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from simplicity_sweep.fused.binding import bind
from simplicity_sweep.fused.member import Member, Work
from simplicity_sweep.fused.network import NetworkStack
from simplicity_sweep.fused.verdict import program_key


def member_bytes(member: Member, work: Work) -> int:
    """Bytes on the device that each member of a group takes while it does `work`, beside the data that all share.

    Its parameters, their gradients and the optimiser's moments, the buffers, a copy of all of them but the gradients, a
    batch, the order of the examples, and what a step computes in between. The member itself is left as it is.

    Args:
        member: one that can be stacked.
        work: the steps; only shapes and sizes matter.

    Raises:
        Exception: whatever tracing the step raises, if it cannot be stacked.
    """
    networks = NetworkStack([member.module])
    size = min(work.batch_size, len(work.order))
    (binding,) = bind(networks, program_key(member), [work], size)
    moments = 1 if isinstance(member.optimizer, torch.optim.SGD) else 2
    example = work.inputs[0].nbytes + work.labels[0].nbytes
    return (
        networks.params.rows.nbytes * (3 + 2 * moments)
        + 2 * sum(buffer.nbytes for buffer in networks.memory()[1:])
        + size * example
        + 2 * work.order.nbytes
        + binding.program.scratch_bytes
    )


def free_bytes(device: torch.device) -> int:
    """Memory on `device` that can be taken: on a CPU, what the kernel could free counts, and a cgroup's limit holds."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return min([_available(), *_left_in_cgroup()])


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether an error says that memory has run out."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and "DefaultCPUAllocator: can't allocate memory" in str(error)
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
