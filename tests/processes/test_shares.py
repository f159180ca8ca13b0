"""How the machine is divided."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from simplicity_sweep.processes.shares import divide, usable_cores, visible_gpus


@pytest.mark.parametrize("cores", [1, 2, 7, 64])
@pytest.mark.parametrize("jobs", [1, 2, 5, 500])
@pytest.mark.parametrize("gpus", [[], ["0"], ["0", "1", "2"]])
def test_cores_are_never_promised_twice_where_there_are_enough(cores, jobs, gpus):
    shares = divide(jobs, cores, gpus)
    assert 1 <= shares.at_once <= jobs
    assert shares.threads >= 1
    assert shares.at_once * shares.threads <= cores or shares.threads == 1
    assert not gpus or shares.at_once <= len(gpus)


def test_a_users_number_of_jobs_holds_on_the_cpu_even_beyond_the_cores():
    assert divide(10, 2, [], at_most=4).at_once == 4


def test_a_gpu_has_no_more_jobs_than_it_may_have():
    assert divide(10, 8, ["0", "1"], at_most=8, per_gpu=3).at_once == 6


@pytest.mark.parametrize(
    ("asked", "names"),
    [("", ()), ("-1", ()), ("0", ("0",)), ("1, GPU-2b", ("1", "GPU-2b")), ("0,-1,1", ("0",)), ("MIG-3c", ("MIG-3c",))],
)
def test_the_gpus_that_a_user_names_are_the_ones(asked, names):
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": asked}) == names


def test_without_nvidias_tool_there_is_no_gpu(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert visible_gpus({}) == ()


def test_nvidias_tool_is_asked_where_nothing_is_named(monkeypatch, tmp_path):
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'GPU 0: NVIDIA L4 (UUID: GPU-1a)'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert visible_gpus({}) == ("GPU-1a",)


@pytest.mark.parametrize("text", ["max 100000\n", "", "100000000 100000\n"])
def test_without_a_quota_the_cores_are_those_that_there_are(tmp_path, text):
    quota = tmp_path / "cpu.max"
    quota.write_text(text)
    assert usable_cores(quota) == usable_cores(Path("/nowhere"))


def test_a_containers_quota_counts(tmp_path):
    quota = tmp_path / "cpu.max"
    quota.write_text("150000 100000\n")
    assert usable_cores(quota) == 1
