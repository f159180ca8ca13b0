"""What code, on what machine: recorded with every run, so that a figure can be traced to what made it."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf

from simplicity_sweep.resolvers import project_folder

_NAMED = ("pytorch-lightning", "torchmetrics", "hydra-core", "mlflow", "numpy", "simplicity-sweep")
_GIT_SECONDS = 10


@cache
def environment() -> dict[str, Any]:
    """Versions, machine, code and every installed package, as plain values; found once a process.

    Example:
        >>> sorted(environment())
        ['git', 'machine', 'packages', 'python', 'versions']
        >>> environment()["versions"]["torch"] == torch.__version__
        True
    """
    return {
        "python": platform.python_version(),
        "versions": {"torch": str(torch.__version__)} | {name: metadata.version(name) for name in _NAMED},
        "machine": _machine(),
        "git": {"commit": _commit(), "dirty": _dirty()},
        "packages": sorted({f"{item.name}=={item.version}" for item in metadata.distributions()}, key=str.lower),
    }


@cache
def environment_yaml() -> str:
    """`environment` as YAML text.

    Example:
        >>> environment_yaml().startswith("python:")
        True
    """
    return OmegaConf.to_yaml(environment())


def provenance() -> dict[str, str]:
    """The tags `git.commit`, `git.dirty`, and those of `process`: which code, and who writes.

    Example:
        >>> sorted(provenance())
        ['git.commit', 'git.dirty', 'host', 'pid', 'pid.started']
    """
    return {"git.commit": _commit(), "git.dirty": _dirty(), **process()}


def process() -> dict[str, str]:
    """The tags `host`, `pid` and `pid.started`, which tell a process from every other one; in a Slurm job also
    `slurm.job` and `slurm.start`: which one, and how often it was started before."""
    tags = {"host": socket.gethostname(), "pid": str(os.getpid()), "pid.started": started(os.getpid())}
    if job := os.environ.get("SLURM_JOB_ID"):
        tags["slurm.job"] = f"{os.environ.get('SLURM_CLUSTER_NAME', '')}/{job}"
        tags["slurm.start"] = os.environ.get("SLURM_RESTART_COUNT", "0")
    return tags


def started(pid: int) -> str:
    """When a process of this machine was started, in ticks since the machine was: two processes may have had the same
    number. Empty where the system doesn't say, or there is no such process.

    Example:
        >>> started(2**30)
        ''
    """
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def _machine() -> dict[str, Any]:
    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return {
        "host": socket.gethostname(),
        "system": platform.platform(),
        "cpu": _cpu_model(),
        "cpus": os.cpu_count(),
        "cpus_usable": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "cuda": torch.version.cuda,
        "gpus": gpus,
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


@cache
def _commit() -> str:
    return _git("rev-parse", "HEAD") or "none"


@cache
def _dirty() -> str:
    changes = _git("status", "--porcelain")
    return "none" if changes is None else str(bool(changes)).lower()


def _git(*arguments: str) -> str | None:
    """What git answers in the project's folder; None without git, a repository or a commit."""
    command = ["git", "-C", str(project_folder()), *arguments]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=_GIT_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()
