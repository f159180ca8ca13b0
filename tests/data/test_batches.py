"""Batches: every example once an epoch, in an order that seed and epoch alone decide; with Lightning too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from simplicity_sweep.data import Batches, DataError, FixedBatches, Split, order

# Lightning 2.6 walks its loaders with a class that newer torch deprecates, whatever the loader.
pytestmark = pytest.mark.filterwarnings(r"ignore:`isinstance\(treespec, LeafSpec\)`:FutureWarning")


def numbered(n: int) -> Split:
    """Example k has input [k] and label k, so that a batch tells which examples it holds."""
    return Split(torch.arange(n, dtype=torch.float32)[:, None], torch.arange(n))


def drawn(loader: Any) -> list[list[int]]:
    return [labels.tolist() for _, labels in loader]


def joined(batches: list[list[int]]) -> list[int]:
    return [label for batch in batches for label in batch]


class Recorder(pl.LightningModule):
    """Trains nothing worth having; notes the labels of every batch."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.seen: list[list[int]] = []

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], batch_idx: int) -> torch.Tensor:
        inputs, labels = batch
        self.seen.append(labels.tolist())
        return (self.weight * inputs).mean()

    def validation_step(self, batch: tuple[torch.Tensor, torch.Tensor], batch_idx: int) -> None:
        pass

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(folder: Path, train: Batches, *, resume: Path | None = None, **options: Any) -> list[list[int]]:
    """The labels of the training batches of one `Trainer.fit`, which leaves `last.ckpt` behind."""
    model = Recorder()
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = pl.Trainer(accelerator="cpu", default_root_dir=folder, **quiet, **options)
    trainer.fit(model, train, FixedBatches(numbered(4)), ckpt_path=resume)
    trainer.save_checkpoint(folder / "last.ckpt")
    return model.seen


def test_an_order_holds_every_example_once():
    assert sorted(order(seed=2, epoch=5, n=97).tolist()) == list(range(97))
    assert order(0, 0, 0).dtype == torch.int64


def test_orders_differ_by_seed_and_by_epoch():
    # Of 20! permutations; which ones they are is fixed.
    seen = {tuple(order(seed, epoch, 20).tolist()) for seed in range(8) for epoch in range(8)}
    assert len(seen) == 64


@pytest.mark.parametrize("wrong", [{"seed": -1}, {"epoch": -1}, {"n": -1}, {"seed": 0.5}, {"seed": True}])
def test_an_order_needs_whole_numbers_from_0(wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(DataError, match=rf"`{name}` to be a whole number of at least 0, but got {value}"):
        order(**{"seed": 0, "epoch": 0, "n": 4} | wrong)


def test_inputs_and_labels_stay_together_and_follow_the_order():
    batches = Batches(numbered(10), batch_size=4, seed=7)
    batches.set_epoch(3)
    inputs = torch.cat([inputs for inputs, _ in batches])
    assert inputs[:, 0].tolist() == order(7, 3, 10).tolist() == batches.order().tolist()
    assert joined(drawn(batches)) == order(7, 3, 10).tolist()


@pytest.mark.parametrize(("n", "batch_size", "sizes"), [(10, 4, [4, 4, 2]), (8, 4, [4, 4]), (3, 64, [3]), (1, 1, [1])])
def test_the_last_short_batch_is_kept(n, batch_size, sizes):
    for loader in (Batches(numbered(n), batch_size, seed=0), FixedBatches(numbered(n), batch_size)):
        assert [len(batch) for batch in drawn(loader)] == sizes
        assert len(loader) == len(sizes)


def test_a_pass_that_was_broken_off_leaves_the_next_one_whole():
    batches = Batches(numbered(6), batch_size=2, seed=0)
    next(iter(batches))
    assert len(drawn(batches)) == 3


def test_an_iterator_made_before_the_epoch_is_set_has_that_epoch():
    batches = Batches(numbered(20), batch_size=20, seed=0)
    early = iter(batches)
    batches.set_epoch(2)
    assert next(early)[1].tolist() == order(0, 2, 20).tolist()


def test_fixed_batches_keep_the_order_of_the_split():
    assert drawn(FixedBatches(numbered(5), batch_size=2)) == [[0, 1], [2, 3], [4]]


def test_changing_a_batch_leaves_the_split_as_it_is():
    split = numbered(5)
    for loader in (Batches(split, 2, seed=0), FixedBatches(split, 2)):
        for inputs, labels in loader:
            inputs.zero_()
            labels.zero_()
    assert torch.equal(split.inputs, numbered(5).inputs)
    assert torch.equal(split.labels, numbered(5).labels)


@pytest.mark.parametrize("loader", [FixedBatches, lambda split, size: Batches(split, size, seed=0)])
def test_no_examples_and_no_batch_size_are_refused(loader):
    with pytest.raises(DataError, match="`batch_size` to be a whole number of at least 1, but got 0"):
        loader(numbered(3), 0)
    with pytest.raises(DataError, match="`split` to hold at least one example"):
        loader(numbered(0), 2)


def test_lightning_goes_through_the_orders_of_the_epochs_without_a_warning(tmp_path):
    # Warnings are errors in this suite.
    seen = fit(tmp_path, Batches(numbered(5), 2, seed=1), max_epochs=3, enable_checkpointing=False)
    expected = [order(1, epoch, 5).tolist() for epoch in range(3)]
    assert [joined(seen[first : first + 3]) for first in (0, 3, 6)] == expected


def test_a_run_resumed_after_an_epoch_meets_the_batches_of_an_uninterrupted_one(tmp_path):
    whole = fit(tmp_path, Batches(numbered(7), 2, seed=5), max_epochs=4, enable_checkpointing=False)
    first = fit(tmp_path, Batches(numbered(7), 2, seed=5), max_epochs=2, enable_checkpointing=False)
    last = tmp_path / "last.ckpt"
    second = fit(tmp_path, Batches(numbered(7), 2, seed=5), resume=last, max_epochs=4, enable_checkpointing=False)
    assert first + second == whole


def test_a_run_resumed_inside_an_epoch_goes_on_with_the_next_batch(tmp_path):
    # 9 examples are 5 batches an epoch: step 7 is the second of the second epoch.
    place = tmp_path / "step=7.ckpt"

    class SaveOnce(pl.Callback):
        def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
            if trainer.global_step == 7:
                trainer.save_checkpoint(place)

    options = {"max_epochs": 3, "enable_checkpointing": False}
    whole = fit(tmp_path, Batches(numbered(9), 2, seed=5), callbacks=[SaveOnce()], **options)
    rest = fit(tmp_path, Batches(numbered(9), 2, seed=5), resume=place, **options)
    assert rest == whole[7:]


def test_a_place_in_an_epoch_that_was_cut_short_is_not_carried_into_the_next():
    batches = Batches(numbered(6), batch_size=2, seed=0)
    passing = iter(batches)
    next(passing)
    resumed = Batches(numbered(6), batch_size=2, seed=0)
    resumed.load_state_dict(batches.state_dict())
    resumed.set_epoch(1)
    assert joined(drawn(resumed)) == order(0, 1, 6).tolist()


def test_a_finished_epoch_is_saved_as_one_to_begin():
    batches = Batches(numbered(6), batch_size=4, seed=0)
    assert batches.state_dict() == {"epoch": 0, "batch": 0}
    passing = iter(batches)
    next(passing)
    assert batches.state_dict() == {"epoch": 0, "batch": 1}
    next(passing)
    assert batches.state_dict() == {"epoch": 0, "batch": 0}
