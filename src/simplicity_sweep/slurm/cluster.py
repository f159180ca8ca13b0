"""What this cluster has, and what can't be run on it."""

from __future__ import annotations

import logging
import math
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from simplicity_sweep.config import ConfigError
from simplicity_sweep.credentials import masked
from simplicity_sweep.slurm.resources import Resources

_LOG = logging.getLogger(__name__)
_ANSWER_SECONDS = 60
_FORMAT = "%N|%P|%G|%c|%m|%l"
_VARIABLES = {
    "partition": "SBATCH_PARTITION",
    "account": "SBATCH_ACCOUNT",
    "qos": "SBATCH_QOS",
    "constraint": "SBATCH_CONSTRAINT",
    "timeout_min": "SBATCH_TIMELIMIT",
    "gpus_per_node": "SBATCH_GPUS_PER_NODE",
    "mem_gb": "SBATCH_MEM_PER_NODE",
}
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
        cpus: how many cores, or threads of cores, as Slurm counts them there.
        memory: in GB.
        minutes: how long a job may run in that partition.
    """

    name: str
    partition: str
    default: bool
    gpus: int
    cpus: int
    memory: float
    minutes: float


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
    return read_nodes(_asked("sinfo", "-h", "-N", "-o", _FORMAT))


def read_nodes(text: str) -> list[Node]:
    """The nodes in what `sinfo -h -N -o '%N|%P|%G|%c|%m|%l'` prints.

    Example:
        >>> read_nodes("n1|gpu*|gpu:a100:4(S:0-1),shard:8|64|515072+|2-00:30:00\\nn2|cpu|(null)|8|1024|infinite\\n")[0]
        Node(name='n1', partition='gpu', default=True, gpus=4, cpus=64, memory=503.0, minutes=2910.0)
    """
    found = []
    for line in text.splitlines():
        name, partition, resources, cpus, memory, limit = line.split("|")
        gpus = sum(int(number) for number in re.findall(r"(?:^|,)gpu(?::[^:,(]*[^\d:,(][^:,(]*)?:(\d+)", resources))
        counted = int(cpus.removesuffix("+")), int(memory.removesuffix("+")) / 1024
        found.append(Node(name, partition.removesuffix("*"), partition.endswith("*"), gpus, *counted, _minutes(limit)))
    return found


def most_in_array() -> int:
    """How many jobs an array may have here."""
    found = re.search(r"MaxArraySize\s*=\s*(\d+)", _asked("scontrol", "show", "config"))
    return int(found[1]) if found else _MOST_IN_ARRAY


def refuse(configs: Sequence[Mapping[str, Any]], resources: Resources, cluster: Sequence[Node]) -> None:
    """Refuses what can't be run on these nodes.

    Args:
        configs: the jobs', resolved.
        resources: what each Slurm job asks for.
        cluster: the nodes there are.

    Raises:
        ConfigError: names the key, the value, what there is and the remedy.
    """
    _refuse_overruled(resources)
    on_offer = offered(cluster, resources.partition)
    _refuse_more(resources, on_offer, cluster)
    for config in configs:
        accelerator = config.get("trainer", {}).get("accelerator")
        if accelerator in ("gpu", "cuda") and not resources.gpus_per_node:
            raise ConfigError(
                f"trainer.accelerator = {accelerator!r}, but hydra.launcher.gpus_per_node = 0: the jobs would have no "
                "GPU. Give hydra.launcher.gpus_per_node=1, or trainer=cpu."
            )
    if _are_elsewhere(on_offer):
        for uri in {config["tracking"]["uri"] for config in configs if "tracking" in config}:
            _refuse_out_of_reach(uri)


def offered(cluster: Sequence[Node], partition: str | None) -> list[Node]:
    """The nodes on which a job may be placed.

    Args:
        cluster: the nodes there are.
        partition: the one that is asked for, or several with commas between them; None for the default one.

    Raises:
        ConfigError: there is no such partition.
    """
    if partition is None:
        found = [node for node in cluster if node.default]
    else:
        found = [node for node in cluster if node.partition in partition.split(",")]
    if not found:
        known = ", ".join(sorted({node.partition for node in cluster})) or "none"
        given = "null, and there is no default one" if partition is None else f"{partition!r}: there is none"
        raise ConfigError(f"hydra.launcher.partition = {given}. Partitions of this cluster: {known}.")
    return found


def warn_of_local(folder: Path, on_offer: Iterable[Node]) -> None:
    """Warns where the sweep's folder is of a kind that other machines seldom see, and the nodes on offer are such."""
    kind = file_system(folder)
    if kind in _LOCAL and _are_elsewhere(on_offer):
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


def _refuse_overruled(resources: Resources) -> None:
    """Refuses variables of the environment that sbatch takes before what stands in a job's script."""
    for key, variable in _VARIABLES.items():
        asked = getattr(resources, key)
        if variable in os.environ and (asked or key == "partition"):  # of which it must be known what it has
            raise ConfigError(
                f"hydra.launcher.{key} = {asked}: Slurm would take {variable}={os.environ[variable]} of the "
                f"environment instead. Say what you mean by hydra.launcher.{key}=…, after: unset {variable}"
            )


def _refuse_more(resources: Resources, on_offer: Sequence[Node], cluster: Sequence[Node]) -> None:
    """Refuses to ask for more than the nodes on offer have: Slurm would refuse it later, or let it wait for ever."""
    where = f"partition {resources.partition or on_offer[0].partition}"
    gpus, most = resources.gpus_per_node, max(node.gpus for node in on_offer)
    if gpus > most:
        have = sorted({f"{node.partition} ({node.gpus})" for node in cluster if node.gpus}) or ["none"]
        raise ConfigError(
            f"hydra.launcher.gpus_per_node = {gpus}: no node of {where} has so many; the most is {most}. Partitions "
            f"with GPUs: {', '.join(have)}. Choose one by hydra.launcher.partition=NAME, or ask for fewer."
        )
    for key, asked, limit in (
        ("cpus_per_task", resources.cpus_per_task, max(node.cpus for node in on_offer)),
        ("mem_gb", resources.mem_gb or 0, max(node.memory for node in on_offer)),
        # A quality of service may allow a longer time.
        ("timeout_min", 0 if resources.qos else resources.timeout_min, max(node.minutes for node in on_offer)),
    ):
        if asked > limit:
            raise ConfigError(
                f"hydra.launcher.{key} = {asked}: more than {where} has; the most is {limit:g}. Ask for less, or "
                "choose another one by hydra.launcher.partition=NAME."
            )


def _refuse_out_of_reach(uri: str) -> None:
    remedy = (
        "Start one server that they all reach (`mlflow server --host 0.0.0.0 --backend-store-uri "
        "postgresql+psycopg2://…`; docs/cluster.md) and give tracking.uri=http://ITS-MACHINE:5000"
    )
    if uri.startswith("sqlite:"):
        raise ConfigError(
            f"tracking.uri = {uri!r}: an SQLite file can be written by the processes of one machine only, even where a "
            f"file system is shared, and the jobs run on several. {remedy}"
        )
    if urlsplit(uri).hostname in _THIS_MACHINE:
        raise ConfigError(f"tracking.uri = {masked(uri)!r}: on another node that is the node itself. {remedy}")


def _minutes(limit: str) -> float:
    """How many minutes `days-hours:minutes:seconds` are, of which Slurm leaves out what is 0 in front."""
    days, _, rest = limit.rpartition("-")
    try:
        parts = [int(part) for part in rest.split(":")]
    except ValueError:  # infinite, n/a
        return math.inf
    hours, minutes, seconds = [0] * (3 - len(parts)) + parts
    return (int(days or 0) * 24 + hours) * 60 + minutes + seconds / 60


def _are_elsewhere(some: Iterable[Node]) -> bool:
    here = socket.gethostname().partition(".")[0]
    return any(node.name.partition(".")[0] != here for node in some)


def _asked(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_ANSWER_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        told = (getattr(error, "stderr", "") or str(error)).strip()
        raise ConfigError(
            f"hydra/launcher=slurm: `{' '.join(command)}` fails ({told}). Is Slurm's controller up? Try: scontrol ping"
        ) from error
    return done.stdout
