"""What is kept of a data set: its counts, a picture of it, and its class weights."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from mlflow import MlflowClient

from simplicity_sweep.data import Parts, Split
from simplicity_sweep.portrait import described, drawn
from tests.commands import parent_and_children, runs, train

QUICK = ["data=digits", "trainer=cpu", "trainer.max_epochs=1", "measure=none"]


def parts(*shape: int) -> Parts:
    labels = torch.tensor([0, 1, 1, 1])
    split = Split(torch.arange(4.0 * torch.Size(shape).numel()).reshape(4, *shape), labels)
    return Parts(split, split.take(torch.tensor([0, 1])), split, outputs=2, names=("no", "yes"), notes=("Mended.",))


def test_a_description_counts_each_class_in_each_part():
    found = described(parts(3))
    assert found["classes"] == {"no": {"train": 1, "val": 1, "test": 1}, "yes": {"train": 3, "val": 1, "test": 3}}
    assert found["examples"] == {"train": 4, "val": 2, "test": 4}
    assert (found["input"], found["notes"]) == ([3], ["Mended."])


@pytest.mark.parametrize("shape", [(3,), (20,), (5, 4), (3, 5, 4), (1, 5, 4)])
def test_vectors_and_images_are_drawn(shape, tmp_path):
    drawn(parts(*shape)).savefig(tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes()[:4] == b"\x89PNG"


def test_classes_called_by_numbers_are_drawn_by_name_and_without_advice_from_the_drawing(caplog):
    caplog.set_level("INFO")
    figure = drawn(replace(parts(3), names=("10", "30")))
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["10", "30"]
    assert caplog.text == ""


def test_a_sweep_keeps_the_picture_once_and_each_run_the_fingerprint(tmp_path):
    done = train(tmp_path, "-m", "seed=0,1", "data.class_weights=balanced", *QUICK)
    assert done.returncode == 0, done.stderr
    parent, children = parent_and_children(tmp_path)
    [fingerprint] = {child.data.tags["data.fingerprint"] for child in children}
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    kept = {artifact.path for artifact in client.list_artifacts(parent.info.run_id, "data")}
    assert kept == {f"data/{fingerprint}.png", f"data/{fingerprint}.yaml"}
    assert not client.list_artifacts(children[0].info.run_id, "data")
    assert children[0].data.tags["data.class_weights"].startswith("0 ")


def test_a_single_run_keeps_the_picture_itself(tmp_path):
    done = train(tmp_path, *QUICK)
    assert done.returncode == 0, done.stderr
    [run] = runs(tmp_path)
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    assert len(client.list_artifacts(run.info.run_id, "data")) == 2
