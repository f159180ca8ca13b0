"""When a judge is asked about a run, and what it is told."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from simplicity_sweep.callbacks import StopPruned


class Strict:
    """Stops whatever it is asked about, and keeps what it was told."""

    metric, name = "val/accuracy", "Strict"

    def __init__(self) -> None:
        self.told: list[dict[int, float]] = []

    def stops(self, curve):
        self.told.append(dict(curve))
        return True


def after(epoch, callback, should_stop=False):
    """The trainer at the end of an epoch, counted from 0, of three."""
    trainer = SimpleNamespace(current_epoch=epoch, max_epochs=3, should_stop=should_stop)
    callback.on_train_epoch_end(trainer, None)
    return trainer


@pytest.fixture
def logger():
    curve = {0: 0.1, 1: 0.2, 2: 0.3}  # as of a run that goes on: there are points of epochs that it trains again
    return SimpleNamespace(curve=lambda metric: curve if metric == "val/accuracy" else {})


def test_a_run_that_is_given_up_ends_and_says_when_and_by_whom(logger):
    judge = Strict()
    callback = StopPruned(judge, logger)
    assert after(1, callback).should_stop
    assert judge.told == [{1: 0.1, 2: 0.2}]
    assert callback.reason == "after 2 epochs of 3, by Strict"


def test_nothing_is_stopped_without_a_judge_nor_after_the_last_epoch(logger):
    for judge, epoch in ((None, 0), (Strict(), 2)):
        callback = StopPruned(judge, logger)
        assert not after(epoch, callback).should_stop
        assert callback.reason is None


def test_a_run_that_ends_anyway_is_not_judged(logger):
    judge = Strict()
    callback = StopPruned(judge, logger)
    after(0, callback, should_stop=True)
    assert (judge.told, callback.reason) == ([], None)


def test_a_run_that_was_cut_off_after_it_was_given_up_trains_no_further(logger):
    before = StopPruned(Strict(), logger)
    after(0, before)
    callback = StopPruned(None, logger)
    callback.load_state_dict(before.state_dict())
    trainer = SimpleNamespace(should_stop=False)
    callback.on_train_start(trainer, None)
    assert trainer.should_stop
    assert callback.reason == "after 1 epoch of 3, by Strict"
