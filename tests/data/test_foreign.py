"""Any LightningDataModule: read once into tensors, refused by name where that would not be what it does."""

from __future__ import annotations

from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, SubsetRandomSampler, WeightedRandomSampler

from simplicity_sweep.config import ConfigError
from simplicity_sweep.data import DataError, TensorData, open_data, refuse_other_answers
from simplicity_sweep.data.foreign import Foreign
from simplicity_sweep.identity import result_hash
from simplicity_sweep.preflight import _bind, resolve
from tests.commands import parent_and_children, points, train
from tests.foreign_data import Changed, Endless, Of, Rings, SameRings


def opened(module: str = "Rings", **config: Any) -> TensorData:
    data = open_data({"_target_": f"tests.foreign_data.{module}", **config})
    data.prepare_data()
    data.setup("fit")
    return data


def foreign(module: Any) -> Foreign:
    data = Foreign(lambda: module, arguments=repr(id(module)), module_name="Mine")
    data.prepare_data()
    data.setup("fit")
    return data


def test_its_parts_are_those_of_its_loaders():
    data, same = opened(), SameRings()
    same.setup()
    for part, expected in zip(data.parts.by_name().values(), same.parts.by_name().values(), strict=True):
        assert torch.equal(part.inputs, expected.inputs)
        assert torch.equal(part.labels, expected.labels)
    assert data.parts.fingerprint == same.parts.fingerprint
    assert (data.shape, data.outputs, data.classes) == ((2,), 3, 3)


def test_its_split_depends_on_the_split_seed_alone_and_no_random_state_is_moved(tmp_path):
    fingerprints = set()
    for seed in range(3):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        fingerprints.add(opened(root=tmp_path / str(seed)).parts.fingerprint)  # of another root: read anew
        assert torch.equal(torch.get_rng_state(), before)
    assert len(fingerprints) == 1
    assert opened(split_seed=1).parts.fingerprint not in fingerprints


def test_modules_of_the_same_arguments_share_their_tensors_and_others_do_not():
    assert opened().train is opened().train
    assert opened(n=240).train is not opened().train


def test_the_batch_size_is_its_own_loaders_unless_it_is_stated():
    assert opened().batch_size == 16
    assert opened(batch_size=8).batch_size == 8
    assert opened(batch_size=8).train_dataloader().batch_size == 8
    assert opened(batch_size=None).batch_size == 16


@pytest.mark.parametrize(
    ("module", "options", "task", "kind", "outputs"),
    [
        ("Rings", {}, "classification", torch.int64, 3),
        ("Rings", {"outputs": 5}, "classification", torch.int64, 5),
        ("Rings", {"answers": "numbers"}, "regression", torch.float32, 1),
        ("Numbers", {}, "regression", torch.float32, 1),
        ("Tags", {}, "multilabel", torch.float32, 2),
    ],
)
def test_what_its_answers_are_is_seen_or_stated(module, options, task, kind, outputs):
    data = opened(module, **options)
    refuse_other_answers(task, data)
    assert (data.train.labels.dtype, data.outputs) == (kind, outputs)


def test_a_random_subset_of_a_dataset_is_that_subset():
    data = foreign(Of("train", lambda whole: DataLoader(whole, 16, sampler=SubsetRandomSampler([5, 3, 8]))))
    whole = opened().train
    assert torch.equal(data.train.inputs, whole.inputs[[5, 3, 8]])


def test_what_is_not_kept_of_its_loader_is_said():
    [note] = opened(drop_last=True).parts.notes
    assert "drops the last, short batch" in note
    data = foreign(Of("train", lambda whole: DataLoader(Changed(whole, lambda x, y: (x.double(), y)))))
    assert "inputs of torch.float64" in data.parts.notes[0]


def loading(change: Any, **options: Any) -> Any:
    return lambda whole: DataLoader(Changed(whole, change), 16, **options)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda _: None, r"returns NoneType; expected one DataLoader"),
        (lambda whole: [DataLoader(whole), DataLoader(whole)], "returns list of DataLoader, DataLoader; expected one"),
        (lambda _: DataLoader(Endless()), "reads an IterableDataset: its examples can't be counted"),
        (lambda whole: DataLoader(whole, batch_size=None), "batch_sampler of its own, or makes none"),
        (lambda whole: DataLoader(torch.utils.data.Subset(whole, [])), "has no examples"),
        (
            lambda whole: DataLoader(whole, sampler=WeightedRandomSampler([1.0] * len(whole), len(whole))),
            "draws its examples with WeightedRandomSampler, .*class_weights=balanced",
        ),
        (loading(lambda x, y: {"image": x, "label": y}), "yields dicts with the keys image, label; expected pairs"),
        (loading(lambda x, y: (x, y, y)), "yields list of Tensor, Tensor, Tensor; expected pairs"),
        (loading(lambda x, y: (x + torch.rand(2), y)), "other values when an example is read again"),
        (loading(lambda x, y: (x[: 1 + int(y > 0)], y)), r"can't be read. RuntimeError: stack expects"),
        (loading(lambda x, y: (x[0], y)), r"inputs of torch.float32 and shape \[16\]"),
        (loading(lambda x, y: (x / 0, y)), "NaN or infinities, among the examples 0 to 15"),
        (loading(lambda x, y: (x, y - 1)), "the class -1; expected classes from 0"),
        (loading(lambda x, y: (x, torch.zeros(2, 2))), r"answers of torch.float32 and shape \[16, 2, 2\]"),
    ],
)
@pytest.mark.parametrize("part", ["train", "test"])
def test_a_loader_that_cannot_be_read_once_is_refused_by_name(part, make, message):
    with pytest.raises(DataError, match=rf"Mine\.{part}_dataloader\(\).*{message}"):
        foreign(Of(part, make))


@pytest.mark.parametrize("part", ["train", "val", "test"])
def test_a_part_without_a_loader_is_refused_by_name(part):
    lacking = type("Lacking", (Rings,), {f"{part}_dataloader": getattr(pl.LightningDataModule, f"{part}_dataloader")})
    with pytest.raises(DataError, match=rf"Mine has no {part}_dataloader\(\)"):
        foreign(lacking())


def test_parts_of_different_shapes_or_answers_are_refused():
    with pytest.raises(DataError, match=r"val_dataloader\(\) yields inputs of shape \[1\], .*train.* of shape \[2\]"):
        foreign(Of("val", loading(lambda x, y: (x[:1], y))))
    with pytest.raises(DataError, match=r"test_dataloader\(\) yields 1 numbers an example, .*train.*classes"):
        foreign(Of("test", loading(lambda x, y: (x, y.float()))))


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (3, "Mine gives int, which is no LightningDataModule: it has no prepare_data"),
        (type("Moved", (Rings,), {"on_after_batch_transfer": lambda self, batch, _: batch})(), "overrides on_after"),
        (type("Broken", (Rings,), {"setup": lambda self, stage: 1 / 0})(), r"setup\('fit'\) .*ZeroDivisionError"),
    ],
)
def test_a_module_that_cannot_be_used_is_refused(module, message):
    with pytest.raises(DataError, match=message):
        foreign(module)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"outputs": 2}, "data.outputs = 2: the largest class is 2"),
        ({"answers": "words"}, "`answers` to be auto, classes or numbers, but got 'words'"),
        ({"outputs": 1}, "`outputs` to be a whole number of at least 2"),
        ({"resident": "maybe"}, "`resident` to be auto, true or false"),
    ],
)
def test_what_is_stated_wrongly_is_refused(options, message):
    with pytest.raises(DataError, match=message):
        opened(**options)


def test_where_its_inputs_lie_decides_no_result_and_its_arguments_do():
    config = {"seed": 0, "data": {"_target_": "tests.foreign_data.Rings", "n": 8}, "trainer": {}}
    elsewhere = config["data"] | {"resident": False, "root": "/elsewhere"}
    assert result_hash(config) == result_hash(config | {"data": elsewhere})
    assert result_hash(config) != result_hash(config | {"data": config["data"] | {"n": 9}})


def test_the_runs_seed_can_be_one_of_its_arguments(composed):
    options = ("data=module", "data._target_=tests.foreign_data.Rings", "+data.n=${seed}", "seed=300")
    assert resolve(composed(*options))["data"]["n"] == 300


def test_an_argument_that_it_needs_and_one_that_it_does_not_take_are_refused_by_name():
    with pytest.raises(ConfigError, match=r"data\.make is missing: tests\.foreign_data\.Of needs it"):
        _bind("data", {"_target_": "tests.foreign_data.Of", "part": "train"})
    with pytest.raises(ConfigError, match=r"data\.m = 3: .* takes n, batch_size, drop_last, and beside them there are"):
        _bind("data", {"_target_": "tests.foreign_data.Rings", "m": 3, "answers": "auto"})


def test_fused_with_ours_it_gives_the_figures_of_ours_to_the_bit(tmp_path):
    targets = "data._target_=tests.foreign_data.Rings,tests.foreign_data.SameRings"
    done = train(
        *(tmp_path, "-m", "data=module", targets, "+data.n=160", "data.batch_size=16", "trust=[tests]"),
        *("trainer=cpu", "trainer.max_epochs=2", "depth.width=8"),
    )
    assert done.returncode == 0, done.stderr
    _, jobs = parent_and_children(tmp_path)
    assert [job.data.tags["fused"] for job in jobs] == ["yes", "yes"]
    assert jobs[0].data.params["data.module"] == "tests.foreign_data.Rings"
    assert len({job.data.tags["data.fingerprint"] for job in jobs}) == 1
    figures = {number: [tuple(row[1:]) for row in points(tmp_path) if row[0] == number] for number in ("0", "1")}
    assert figures["0"] == figures["1"]


def test_the_default_data_sets_keys_are_no_arguments_of_it(tmp_path):
    done = train(tmp_path, "data._target_=tests.foreign_data.Rings", "trust=[tests]")
    assert done.returncode == 1
    assert "takes no such argument" in done.stderr
    assert "choose data=module" in done.stderr
