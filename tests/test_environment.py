"""What is recorded of code and machine."""

from __future__ import annotations

import os
import sys

import pytest
import torch
from omegaconf import OmegaConf

from simplicity_sweep.environment import environment, environment_yaml, provenance


def test_the_environment_holds_what_a_figure_depends_on() -> None:
    known = environment()
    assert known["python"] == ".".join(map(str, sys.version_info[:3]))
    assert known["versions"]["torch"] == torch.__version__  # with its build, e.g. +cpu
    assert known["machine"]["cpus"] == os.cpu_count()
    assert f"pytest=={pytest.__version__}" in known["packages"]
    assert OmegaConf.to_container(OmegaConf.create(environment_yaml())) == known


def test_provenance_names_this_process() -> None:
    tags = provenance()
    assert tags["pid"] == str(os.getpid())
    assert set(tags) == {"git.commit", "git.dirty", "host", "pid", "pid.started"}
    assert tags["git.dirty"] in ("true", "false", "none")
