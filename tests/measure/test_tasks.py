"""A checkpoint of a network that answers with numbers or sets of labels is measured as its run was."""

from __future__ import annotations

import json

import pytest
import torch

from simplicity_sweep.callbacks import CONFIG_KEY
from simplicity_sweep.tasks import TASKS
from tests.measure.conftest import Trained, trained_on

RUNS = {
    "regression": ["data=diabetes"],
    "multilabel": ["data._target_=tests.tasks_data.Quadrants", "data.val_size=60", "trust=[tests]"],
}


@pytest.fixture(scope="module", params=RUNS)
def run(request, tmp_path_factory) -> tuple[str, Trained]:
    return request.param, trained_on(tmp_path_factory.mktemp("run"), f"task={request.param}", *RUNS[request.param])


def test_the_figures_are_those_of_the_run(run, command):
    task, trained = run
    done = command(trained.checkpoint, "--json", "--trust", "tests")
    assert done.status == 0, done.err
    found = json.loads(done.out)["figures"]
    own = {name: value for name, value in trained.figures.items() if name.startswith(("test/", "null/"))}
    assert own.keys() == found.keys()
    assert {f"test/{name}" for name in TASKS[task].performance} <= own.keys()
    assert found == pytest.approx(own, rel=1e-5, nan_ok=True)


def test_arrays_and_other_data_are_refused(run, command, npz):
    task, trained = run
    assert (
        f"is of task={task}, and arrays are for networks that classify"
        in command(trained.checkpoint, "--npz", npz(), "--trust", "tests").err
    )
    assert f"task={task} needs" in command(trained.checkpoint, "data=digits", "--trust", "tests").err


def test_a_task_that_there_is_not_is_refused(run, command, tmp_path):
    checkpoint = torch.load(run[1].checkpoint, weights_only=True)
    checkpoint[CONFIG_KEY]["task"]["name"] = "juggling"
    torch.save(checkpoint, tmp_path / "changed.ckpt")
    assert "is of task='juggling'; there are classification" in command(tmp_path / "changed.ckpt").err


def test_a_task_is_not_chosen_here(run, command):
    assert "Leave task out" in command(run[1].checkpoint, "task=classification").err
