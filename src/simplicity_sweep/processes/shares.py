"""How many jobs run at once, and what of the machine each of them gets."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_NVIDIA_SMI_SECONDS = 30


@dataclass(frozen=True)
class Shares:
    """The machine, divided.

    Attributes:
        at_once: how many jobs run at once.
        threads: how many threads each of them computes with.
        gpus: names of the GPUs, as CUDA_VISIBLE_DEVICES takes them; none where jobs run on the CPU.
    """

    at_once: int
    threads: int
    gpus: tuple[str, ...] = ()

    def environment(self) -> dict[str, str]:
        """What tells the libraries of a job's process how many threads are its own; they read it when imported."""
        return {name: str(self.threads) for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")}

    def __str__(self) -> str:
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        gpus = f", on {len(self.gpus)} GPU{'s' if len(self.gpus) > 1 else ''}" if self.gpus else ""
        return f"{self.at_once} at once{gpus}, {threads} each"


def divide(
    jobs: int, cores: int, gpus: Sequence[str], *, at_most: int | None = None, per_gpu: int = 1, threads: str = ""
) -> Shares:
    """The shares of `jobs` jobs: one a core, or `per_gpu` a GPU where there are GPUs.

    Args:
        jobs: how many there are, 1 or more.
        cores: how many the machine has for us.
        gpus: see `Shares`.
        at_most: how many jobs may run at once; None sets no limit of its own.
        per_gpu: how many jobs may share a GPU.
        threads: a user's own OMP_NUM_THREADS, which is not exceeded.

    Example:
        >>> print(divide(180, cores=16, gpus=[]))
        16 at once, 1 thread each
        >>> print(divide(3, cores=16, gpus=[]))
        3 at once, 5 threads each
        >>> print(divide(180, cores=16, gpus=["0", "1"], per_gpu=2))
        4 at once, on 2 GPUs, 4 threads each
        >>> print(divide(180, cores=16, gpus=["0", "1"], at_most=1, threads="8"))
        1 at once, on 2 GPUs, 8 threads each
    """
    room = len(gpus) * per_gpu if gpus else cores
    if at_most is not None:
        room = min(room, at_most) if gpus else at_most
    at_once = min(room, jobs)
    fair = max(1, cores // at_once)
    return Shares(at_once, min(fair, int(threads)) if threads.isdecimal() and int(threads) else fair, tuple(gpus))


def usable_cores(quota: Path = _QUOTA) -> int:
    """How many cores this process may keep busy: those it is bound to, and no more than its container's quota."""
    own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        granted, period = quota.read_text().split()
        return max(1, min(own, int(granted) // int(period)))
    except (OSError, ValueError):  # no control group, or "max": no quota
        return own


def visible_gpus(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Names of NVIDIA's GPUs that a process started now would see, found without CUDA.

    Those in CUDA_VISIBLE_DEVICES if it is set, else those that `nvidia-smi` lists; parts of a divided GPU count as one
    each.
    """
    asked = environment.get("CUDA_VISIBLE_DEVICES")
    if asked is not None:
        names = [name.strip() for name in asked.split(",")]
        return tuple(takewhile(lambda name: name not in ("", "-1"), names))  # CUDA too stops at the first that is none
    try:
        answer = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=_NVIDIA_SMI_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    return listed_gpus(answer.stdout)


def listed_gpus(text: str) -> tuple[str, ...]:
    """The UUIDs in what `nvidia-smi -L` prints.

    Example:
        >>> listed_gpus("GPU 0: NVIDIA L4 (UUID: GPU-1a)\\nGPU 1: NVIDIA L4 (UUID: GPU-2b)\\n")
        ('GPU-1a', 'GPU-2b')
        >>> listed_gpus("GPU 0: NVIDIA H100 (UUID: GPU-1a)\\n  MIG 1g.10gb Device 0: (UUID: MIG-3c)\\n")
        ('MIG-3c',)
    """
    found: list[str] = []
    whole = False  # whether the last one found is a GPU that nothing has shown to be divided
    for line in text.splitlines():
        if "(UUID: " not in line:
            continue
        name = line.partition("(UUID: ")[2].partition(")")[0]
        if name.startswith("MIG-") and whole:
            found.pop()
        found.append(name)
        whole = name.startswith("GPU-")
    return tuple(found)
