"""Data modules: standardised tensors, a validation part that replicates share, one copy per process."""

from __future__ import annotations

import inspect
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from torchvision.transforms import functional as oracle

from simplicity_sweep.data import Batches, DataError, FixedBatches, Split, TensorData, hold_out, standardise
from tests.data.published_images import Tiny

# Lightning 2.6 walks its loaders with a class that newer torch deprecates, whatever the loader.
pytestmark = pytest.mark.filterwarnings(r"ignore:`isinstance\(treespec, LeafSpec\)`:FutureWarning")


class Stripes(TensorData):
    """A user's own data set: 20 training and 5 test rows, all of them numbered; classes 0 to 3."""

    loads = 0

    def __init__(self, *, shift: float | list[float] = 0.0, **options: Any) -> None:
        super().__init__(**options)
        self.shift = shift

    def load(self) -> tuple[Split, Split]:
        type(self).loads += 1
        rows, labels = torch.arange(25.0)[:, None] + torch.tensor(self.shift), torch.arange(25) % 4
        return Split(rows[:20], labels[:20]), Split(rows[20:], labels[20:])


@pytest.fixture(autouse=True)
def no_loads_yet():
    Stripes.loads = 0


def stripes(root: Path, **options: Any) -> Stripes:
    data = Stripes(**{"root": root, "val_size": 5, "mean": 0.0, "std": 1.0} | options)
    data.prepare_data()
    data.setup()
    return data


def tiny(root: Path, **options: Any) -> Tiny:
    data = Tiny(**{"root": root, "val_size": 2, "mean": 0.0, "std": 1.0} | options)
    data.prepare_data()
    data.setup()
    return data


def rows(split: Split) -> set[float]:
    return set(split.inputs[:, 0].tolist())


def test_values_are_scaled_then_standardised():
    # (51/255 - 0.5) / 0.25 = -1.2 and (255/255 - 0.5) / 0.25 = 2, by hand.
    values = standardise(np.array([[51, 255]], dtype=np.uint8), scale=255, mean=0.5, std=0.25)
    assert values.dtype == torch.float32
    torch.testing.assert_close(values, torch.tensor([[-1.2, 2.0]]))


def test_every_byte_becomes_the_number_that_torchvision_makes_of_it():
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    expected = oracle.normalize(oracle.to_tensor(values), mean=[0.1307], std=[0.3081])
    assert torch.equal(standardise(values, scale=255, mean=0.1307, std=0.3081), expected[0])


def test_the_parts_are_disjoint_and_together_whole(tmp_path):
    data = stripes(tmp_path)
    assert (len(data.train), len(data.val), len(data.test)) == (15, 5, 5)
    assert rows(data.train) | rows(data.val) == set(range(20))
    assert rows(data.test) == set(range(20, 25))
    assert (data.classes, data.shape) == (4, (1,))


def test_the_validation_part_depends_on_the_split_seed_alone(tmp_path):
    parts = [stripes(tmp_path, order_seed=seed, batch_size=seed + 1).val for seed in range(3)]
    assert all(torch.equal(part.inputs, parts[0].inputs) for part in parts)
    others = {frozenset(rows(stripes(tmp_path, split_seed=seed).val)) for seed in range(8)}
    assert len(others) == 8  # of 15504; which ones they are is fixed


def test_the_validation_part_is_not_the_beginning_of_a_training_order():
    split = Split(torch.arange(20.0)[:, None], torch.zeros(20, dtype=torch.int64))
    _, val = hold_out(split, val_size=20 - 1, split_seed=0)
    assert val.inputs[:, 0].tolist() != Batches(split, 64, seed=0).order()[:19].tolist()


@pytest.mark.parametrize("val_size", [20, 21])
def test_a_validation_part_that_leaves_nothing_is_refused(tmp_path, val_size):
    with pytest.raises(DataError, match=f"`data.val_size` to be from 1 to 19, .*but got {val_size}"):
        stripes(tmp_path, val_size=val_size)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"batch_size": 0}, "`batch_size` to be a whole number of at least 1, but got 0"),
        ({"val_size": 0}, "`val_size` to be a whole number of at least 1, or a share above 0 and below 1, but got 0"),
        ({"split_seed": -1}, "`split_seed` to be a whole number of at least 0, but got -1"),
        ({"order_seed": 1.5}, "`order_seed` to be a whole number of at least 0, but got 1.5"),
        ({"std": 0.0}, "`std` to be a finite number above 0, but got 0.0"),
        ({"std": float("inf")}, "`std` to be a finite number above 0, but got inf"),
        ({"mean": float("nan")}, "`mean` to be a finite number, but got nan"),
        ({"mean": float("-inf")}, "`mean` to be a finite number, but got -inf"),
        ({"mean": "0.5"}, "`mean` to be a finite number, but got '0.5'"),
    ],
)
def test_arguments_out_of_range_are_refused_by_name(tmp_path, wrong, message):
    with pytest.raises(DataError, match=message):
        stripes(tmp_path, **wrong)


def test_the_arguments_can_be_seen_from_outside():
    # The checks before a sweep read them to refuse unknown keys.
    assert list(inspect.signature(Tiny).parameters) == [
        *("root", "val_size", "mean", "std", "batch_size", "split_seed", "order_seed", "class_weights")
    ]


def test_modules_that_differ_in_order_and_batch_size_alone_share_their_tensors(tmp_path):
    parts = [stripes(tmp_path, order_seed=seed, batch_size=seed + 1).train for seed in range(3)]
    assert all(part is parts[0] for part in parts)
    assert Stripes.loads == 1


def test_setting_up_again_loads_nothing(tmp_path):
    data = stripes(tmp_path)
    data.setup("test")
    assert Stripes.loads == 1


@pytest.mark.parametrize(
    "other",
    [{"val_size": 4}, {"split_seed": 1}, {"mean": 0.5}, {"std": 2.0}, {"shift": 1.0}, {"shift": [1.0, 2.0]}],
)
def test_modules_that_differ_in_anything_else_do_not(tmp_path, other):
    assert stripes(tmp_path).train is not stripes(tmp_path, **other).train
    assert stripes(tmp_path, **other).train is stripes(tmp_path, **other).train


def test_an_attribute_changed_later_counts(tmp_path):
    data = stripes(tmp_path)
    data.shift = 100.0
    data.setup()
    assert rows(data.test) == set(range(120, 125))


def test_a_file_that_was_replaced_is_loaded_again(tmp_path):
    first = tiny(tmp_path)
    assert tiny(tmp_path).train is first.train
    file = first.files()[0]
    os.utime(file, ns=(0, 0))
    again = tiny(tmp_path)
    assert again.train is not first.train
    assert torch.equal(again.train.inputs, first.train.inputs)


def test_what_is_loaded_in_inference_mode_can_be_trained_on(tmp_path):
    with torch.inference_mode():
        data = stripes(tmp_path)
    weight = torch.ones(1, requires_grad=True)
    (data.train.inputs * weight).sum().backward()
    assert weight.grad is not None


def test_loaders_are_those_of_the_parts(tmp_path):
    data = stripes(tmp_path, batch_size=4, order_seed=9)
    train, val, test = data.train_dataloader(), data.val_dataloader(), data.test_dataloader()
    assert (train.split, train.batch_size, train.seed) == (data.train, 4, 9)
    assert isinstance(val, FixedBatches)
    assert (val.split, test.split) == (data.val, data.test)
    assert (val.batch_size, len(test)) == (2500, 1)


def test_a_trainer_on_a_device_gets_the_tensors_there(tmp_path):
    # The meta device stands for an accelerator: every machine has it.
    data = Stripes(root=tmp_path, val_size=5, mean=0.0, std=1.0)
    data.trainer = SimpleNamespace(world_size=1, strategy=SimpleNamespace(root_device=torch.device("meta")))
    data.setup("fit")
    assert {split.device.type for split in (data.train, data.val, data.test)} == {"meta"}
    assert data.classes == 4


def test_several_devices_for_one_run_are_refused(tmp_path):
    data = Stripes(root=tmp_path, val_size=5, mean=0.0, std=1.0)
    data.trainer = SimpleNamespace(world_size=2)
    with pytest.raises(DataError, match=r"1 device.*but got 2\. Set `trainer\.devices=1`"):
        data.setup("fit")


class Wrong(Stripes):
    """Loads what `parts` says."""

    parts: tuple[Split, Split]

    def load(self) -> tuple[Split, Split]:
        return self.parts


@pytest.mark.parametrize(
    ("shape", "label", "message"),
    [((3,), 0, r"one shape, but got \[2\] and \[3\]"), ((2,), -1, "labels from 0, but got -1")],
)
def test_parts_that_do_not_fit_are_refused(tmp_path, monkeypatch, shape, label, message):
    train = Split(torch.zeros(9, 2), torch.zeros(9, dtype=torch.int64))
    test = Split(torch.zeros(2, *shape), torch.full((2,), label))
    monkeypatch.setattr(Wrong, "parts", (train, test), raising=False)
    data = Wrong(root=tmp_path, val_size=5, mean=0.0, std=1.0)
    with pytest.raises(DataError, match=message):
        data.setup()


class Linear(pl.LightningModule):
    """The smallest classifier of `Stripes`."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(1, 4)

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], batch_idx: int) -> torch.Tensor:
        inputs, labels = batch
        return torch.nn.functional.cross_entropy(self.layer(inputs), labels)

    def validation_step(self, batch: tuple[torch.Tensor, torch.Tensor], batch_idx: int) -> None:
        self.log("val/loss", self.training_step(batch, batch_idx))

    test_step = validation_step

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.01)


def test_a_whole_lightning_run_gives_no_warning_and_leaves_the_tensors_as_they_were(tmp_path):
    # Warnings are errors in this suite.
    data = Stripes(root=tmp_path, val_size=5, mean=0.0, std=1.0, batch_size=4)
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = pl.Trainer(
        accelerator="cpu", default_root_dir=tmp_path, max_epochs=2, enable_model_summary=False, **quiet
    )
    model = Linear()
    trainer.fit(model, data)
    trainer.test(model, data, verbose=False)
    assert trainer.global_step == 2 * 4  # 15 examples in batches of 4
    assert rows(data.train) | rows(data.val) | rows(data.test) == set(range(25))
    assert stripes(tmp_path, batch_size=4).train is data.train


def test_what_lightning_notes_on_a_module_when_a_fit_begins_loads_nothing_again(tmp_path):
    data = stripes(tmp_path)
    assert data.hparams == {}
    data.setup("fit")
    assert Stripes.loads == 1
