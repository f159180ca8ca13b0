"""What this cluster has, and what can't be run on it."""

from __future__ import annotations

import logging
import re
import shutil
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from simplicity_sweep.config import ConfigError
from simplicity_sweep.credentials import masked

_LOG = logging.getLogger(__name__)
_ANSWER_SECONDS = 60
_MOST_IN_ARRAY = 1001  # Slurm's own default
_LOCAL = {"ext2", "ext3", "ext4", "xfs", "btrfs", "tmpfs", "overlay", "ramfs"}
_THIS_MACHINE = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True)
class Node:
    """One node, as a partition offers it.

    Attributes:
        name: the node's.
        partition: the partition's.
        default: whether that is the one for jobs that name none.
        gpus: how many GPUs the node has.
    """

    name: str
    partition: str
    default: bool
    gpus: int


def nodes() -> list[Node]:
    """Every node of every partition.

    Raises:
        ConfigError: there is no Slurm here, or it doesn't answer.
    """
    for command in ("sbatch", "sinfo", "squeue", "scancel"):
        if shutil.which(command) is None:
            raise ConfigError(
                f"hydra/launcher=slurm: the command {command} is not here. Start the sweep on a machine of the cluster "
                "where Slurm's commands are (a login node), or use hydra/launcher=fused or processes."
            )
    return read_nodes(_asked("sinfo", "-h", "-N", "-o", "%N|%P|%G"))


def read_nodes(text: str) -> list[Node]:
    """The nodes in what `sinfo -h -N -o '%N|%P|%G'` prints.

    Example:
        >>> read_nodes("n1|gpu*|gpu:a100:4(S:0-1),shard:8\\nn2|cpu|(null)\\n")[0]
        Node(name='n1', partition='gpu', default=True, gpus=4)
    """
    found = []
    for line in text.splitlines():
        name, partition, resources = line.split("|")
        gpus = sum(int(number) for number in re.findall(r"(?:^|,)gpu(?::[^:,(]*[^\d:,(][^:,(]*)?:(\d+)", resources))
        found.append(Node(name, partition.removesuffix("*"), partition.endswith("*"), gpus))
    return found


def most_in_array() -> int:
    """How many jobs an array may have here."""
    found = re.search(r"MaxArraySize\s*=\s*(\d+)", _asked("scontrol", "show", "config"))
    return int(found[1]) if found else _MOST_IN_ARRAY


def refuse(configs: Sequence[Mapping[str, Any]], partition: str | None, gpus: int, cluster: Sequence[Node]) -> None:
    """Refuses what can't be run on these nodes.

    Args:
        configs: the jobs', resolved.
        partition: the one that is asked for; None for the default one.
        gpus: how many GPUs are asked for, on one node.
        cluster: the nodes there are.

    Raises:
        ConfigError: names the key, the value, what there is and the remedy.
    """
    offered = _offered(cluster, partition)
    most = max(node.gpus for node in offered)
    if gpus > most:
        where = f"partition {offered[0].partition}" if partition is None else f"partition {partition}"
        have = sorted({f"{node.partition} ({node.gpus})" for node in cluster if node.gpus}) or ["none"]
        raise ConfigError(
            f"hydra.launcher.gpus_per_node = {gpus}: no node of {where} has so many; the most is {most}. Partitions "
            f"with GPUs: {', '.join(have)}. Choose one by hydra.launcher.partition=NAME, or ask for fewer."
        )
    for config in configs:
        accelerator = config.get("trainer", {}).get("accelerator")
        if accelerator in ("gpu", "cuda") and not gpus:
            raise ConfigError(
                f"trainer.accelerator = {accelerator!r}, but hydra.launcher.gpus_per_node = 0: the jobs would have no "
                "GPU. Give hydra.launcher.gpus_per_node=1, or trainer=cpu."
            )
    if any(node.name.partition(".")[0] != _here() for node in offered):
        for uri in {config["tracking"]["uri"] for config in configs if "tracking" in config}:
            _refuse_out_of_reach(uri)


def warn_of_local(folder: Path, cluster: Sequence[Node]) -> None:
    """Warns where the sweep's folder is of a kind that other machines seldom see."""
    kind = file_system(folder)
    if kind in _LOCAL and any(node.name.partition(".")[0] != _here() for node in cluster):
        _LOG.warning(
            "hydra.sweep.dir = %s is on a file system of this machine (%s). The nodes must see it under the same name; "
            "if they don't, every job fails at once: then choose a folder that is shared.",
            folder,
            kind,
        )


def file_system(folder: Path, mounts: Path = Path("/proc/self/mounts")) -> str:
    """The kind of file system that a folder is on, e.g. `nfs4` or `ext4`; empty where nobody knows."""
    try:
        lines = [line.split()[1:3] for line in mounts.read_text().splitlines()]
    except OSError:
        return ""
    path = folder.absolute()
    holding = [(len(where), kind) for where, kind in lines if path.is_relative_to(where)]
    return max(holding)[1] if holding else ""


def _offered(cluster: Sequence[Node], partition: str | None) -> list[Node]:
    offered = [node for node in cluster if node.default if partition is None] or [
        node for node in cluster if node.partition in (partition or "").split(",")
    ]
    if not offered:
        known = ", ".join(sorted({node.partition for node in cluster})) or "none"
        given = "null, and there is no default one" if partition is None else f"{partition!r}: there is none"
        raise ConfigError(f"hydra.launcher.partition = {given}. Partitions of this cluster: {known}.")
    return offered


def _refuse_out_of_reach(uri: str) -> None:
    remedy = (
        "Start one server that they all reach (`mlflow server --host 0.0.0.0 --backend-store-uri postgresql://…`; "
        "docs/cluster.md) and give tracking.uri=http://ITS-MACHINE:5000"
    )
    if uri.startswith("sqlite:"):
        raise ConfigError(
            f"tracking.uri = {uri!r}: an SQLite file can be written by the processes of one machine only, even where a "
            f"file system is shared, and the jobs run on several. {remedy}"
        )
    if urlsplit(uri).hostname in _THIS_MACHINE:
        raise ConfigError(f"tracking.uri = {masked(uri)!r}: on another node that is the node itself. {remedy}")


def _here() -> str:
    return socket.gethostname().partition(".")[0]


def _asked(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_ANSWER_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        told = (getattr(error, "stderr", "") or str(error)).strip()
        raise ConfigError(
            f"hydra/launcher=slurm: `{' '.join(command)}` fails ({told}). Is Slurm's controller up? Try: scontrol ping"
        ) from error
    return done.stdout
