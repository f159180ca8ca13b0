"""What a cluster can't run is said before anything is sent to it; no Slurm is needed here."""

from __future__ import annotations

import logging
import math
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from hydra_plugins.slurm_launcher import SlurmLauncher
from simplicity_sweep.config import ConfigError
from simplicity_sweep.slurm.cluster import Node, file_system, nodes, read_nodes, refuse, warn_of_local
from simplicity_sweep.slurm.queue import cancel, is_over, left_in
from simplicity_sweep.slurm.resources import Resources

HERE = socket.gethostname().partition(".")[0]
SIZE = {"cpus": 16, "memory": 64.0, "minutes": 2880.0}
CLUSTER = [
    Node("n1", "cpu", default=True, gpus=0, **SIZE),
    Node("n2", "gpu", default=False, gpus=4, **SIZE),
    Node("n3", "gpu", default=False, gpus=8, **SIZE),
]
GPU = Resources(partition="gpu")
SERVER = {"uri": "http://tracking.example.org:5000"}


def job(accelerator: str = "cpu", uri: str = SERVER["uri"]) -> dict[str, object]:
    return {"trainer": {"accelerator": accelerator}, "tracking": {"uri": uri}}


@pytest.mark.parametrize(
    ("resources", "gpus"),
    [
        ("(null)", 0),
        ("gpu:2", 2),
        ("gpu:a100:4(S:0-1)", 4),
        ("gpu:a100:4(S:0-1),shard:8", 4),
        ("gpu:a100:2(S:0),gpu:h100:1(S:1)", 3),
        ("lustre:1,gpu:1", 1),
    ],
)
def test_gpus_are_read_as_sinfo_writes_them(resources, gpus):
    [node] = read_nodes(f"n1|debug*|{resources}|16|65536|2-00:00:00\n")
    assert node == Node("n1", "debug", default=True, gpus=gpus, **SIZE)


@pytest.mark.parametrize(
    ("limit", "minutes"),
    [("infinite", math.inf), ("n/a", math.inf), ("30:00", 30), ("1:00:00", 60), ("1-12:30:30", 2190.5), ("0:45", 0.75)],
)
def test_a_partition_s_limit_is_read_as_sinfo_writes_it(limit, minutes):
    [node] = read_nodes(f"n1|debug*|(null)|16+|65536+|{limit}\n")
    assert (node.cpus, node.memory, node.minutes) == (16, 64.0, minutes)


def test_gpus_that_no_node_of_the_partition_has_are_refused():
    refuse([job("gpu")], replace(GPU, gpus_per_node=8), CLUSTER)
    with pytest.raises(ConfigError, match=r"gpus_per_node = 9: no node of partition gpu has so many; the most is 8"):
        refuse([job("gpu")], replace(GPU, gpus_per_node=9), CLUSTER)
    with pytest.raises(ConfigError, match=r"no node of partition cpu .* Partitions with GPUs: gpu \(4\), gpu \(8\)"):
        refuse([job("gpu")], Resources(gpus_per_node=1), CLUSTER)


@pytest.mark.parametrize(
    ("key", "allowed", "refused", "most"),
    [("cpus_per_task", 16, 17, "16"), ("mem_gb", 64.0, 64.5, "64"), ("timeout_min", 2880, 2881, "2880")],
)
def test_more_than_the_partition_has_is_refused(key, allowed, refused, most):
    refuse([job()], Resources(**{key: allowed}), CLUSTER)
    with pytest.raises(
        ConfigError, match=rf"hydra.launcher.{key} = {refused}: more than partition cpu has; the most is {most}\. Ask"
    ):
        refuse([job()], Resources(**{key: refused}), CLUSTER)


def test_a_quality_of_service_may_allow_a_longer_time_than_the_partition():
    refuse([job()], Resources(qos="long", timeout_min=10_000), CLUSTER)


@pytest.mark.parametrize(
    ("variable", "key", "asked"),
    [("SBATCH_PARTITION", "partition", None), ("SBATCH_QOS", "qos", "long"), ("SBATCH_TIMELIMIT", "timeout_min", 60)],
)
def test_a_variable_that_slurm_would_take_instead_is_refused(variable, key, asked, monkeypatch):
    monkeypatch.setenv(variable, "7")
    with pytest.raises(ConfigError, match=rf"hydra.launcher.{key} = {asked}: Slurm would take {variable}=7 of the"):
        refuse([job()], Resources(**{key: asked}), CLUSTER)


def test_a_variable_that_says_what_is_left_to_slurm_is_taken(monkeypatch):
    monkeypatch.setenv("SBATCH_ACCOUNT", "physics")
    refuse([job()], Resources(), CLUSTER)


def test_a_job_for_a_gpu_must_ask_for_one():
    with pytest.raises(ConfigError, match=r"trainer.accelerator = 'gpu', but hydra.launcher.gpus_per_node = 0"):
        refuse([job(), job("gpu")], GPU, CLUSTER)


def test_a_partition_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(ConfigError, match=r"partition = 'big': there is none. Partitions of this cluster: cpu, gpu"):
        refuse([job()], Resources(partition="big"), CLUSTER)
    with pytest.raises(ConfigError, match=r"partition = null, and there is no default one"):
        refuse([job()], Resources(), CLUSTER[1:])


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("sqlite:////home/ann/mlflow.db", "processes of one machine only"),
        ("http://127.0.0.1:5000", "on another node that is the node itself"),
        ("http://localhost:5000", "on another node that is the node itself"),
    ],
)
def test_a_store_that_other_nodes_cannot_write_is_refused_unless_the_jobs_run_here(uri, why):
    with pytest.raises(ConfigError, match=why):
        refuse([job(uri=uri)], Resources(), CLUSTER)
    refuse([job(uri=uri)], Resources(), [replace(CLUSTER[0], name=HERE)])


def test_without_slurm_the_launcher_says_where_to_start_it(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(
        ConfigError, match=r"the command sbatch is not here. Start the sweep on a machine of the cluster"
    ):
        nodes()


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"jobs_per_node": 0}, r"hydra.launcher.jobs_per_node = 0: should be 1 or more"),
        ({"max_group": 0}, r"hydra.launcher.max_group = 0: should be 1 or more"),
        ({"gpus_per_node": -1}, r"hydra.launcher.gpus_per_node = -1: should be 0 or more"),
        ({"timeout_min": 0}, r"hydra.launcher.timeout_min = 0: should be 1 or more"),
        ({"mem_gb": 0.0}, r"hydra.launcher.mem_gb = 0.0: should be more than 0"),
    ],
)
def test_a_number_out_of_range_is_refused(keys, message):
    with pytest.raises(ValueError, match=message):
        SlurmLauncher(**keys)


def test_a_job_that_asks_for_no_gpu_sees_none_and_threads_are_its_cores():
    setup = Resources(cpus_per_task=4).submitted("train")["setup"]
    assert "export CUDA_VISIBLE_DEVICES=" in setup
    assert 'export OMP_NUM_THREADS="${OMP_NUM_THREADS:-$SLURM_CPUS_PER_TASK}"' in setup
    assert not any("CUDA" in line for line in Resources(gpus_per_node=1).submitted("train")["setup"])


def test_requeued_and_waiting_jobs_are_not_over():
    assert [is_over(state) for state in ("PENDING", "RUNNING", "COMPLETING", "REQUEUED", "SUSPENDED")] == [False] * 5
    assert all(map(is_over, ("COMPLETED", "FAILED", "CANCELLED", "OUT_OF_MEMORY", "NODE_FAIL", "TIMEOUT", "GONE")))


def test_jobs_that_a_killed_sweep_left_in_the_queue_are_known(tmp_path, monkeypatch):
    squeue = tmp_path / "squeue"
    squeue.write_text("#!/bin/sh\necho 7_0 RUNNING\necho 7_1 COMPLETED\necho 7_2 PENDING\necho 9 RUNNING\n")
    squeue.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    for job in ("7_0", "7_1", "7_2", "6"):
        (tmp_path / f"{job}_submitted.pkl").touch()
    assert left_in(tmp_path) == ["7_0", "7_2"]


def test_jobs_that_slurm_does_not_cancel_are_named_and_nothing_is_raised(tmp_path, monkeypatch, caplog):
    for command in ("scancel", "squeue"):
        (tmp_path / command).write_text("#!/bin/sh\necho 'Unable to contact slurm controller' >&2; exit 1\n")
        (tmp_path / command).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    cancel(["7_0", "7_1"])
    assert caplog.messages == [
        "Slurm jobs could not be cancelled (Unable to contact slurm controller). End them later: scancel 7_0 7_1"
    ]


def test_a_folder_is_on_the_file_system_that_is_mounted_nearest_to_it(tmp_path):
    mounts = tmp_path / "mounts"
    mounts.write_text("/dev/a / ext4 rw 0 0\nserver:/home /home nfs4 rw 0 0\n")
    assert file_system(Path("/home/ann/sweeps"), mounts) == "nfs4"
    assert file_system(Path("/homely"), mounts) == "ext4"
    assert file_system(Path("/home"), tmp_path / "none") == ""


def test_a_folder_that_only_this_machine_sees_is_warned_of_where_the_nodes_are_others(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("simplicity_sweep.slurm.cluster.file_system", lambda folder: "tmpfs")
    with caplog.at_level(logging.WARNING):
        warn_of_local(tmp_path, [replace(CLUSTER[0], name=HERE)])
        assert not caplog.messages
        warn_of_local(tmp_path, CLUSTER)
    [told] = caplog.messages
    assert told.startswith(f"hydra.sweep.dir = {tmp_path} is on a file system of this machine (tmpfs).")
