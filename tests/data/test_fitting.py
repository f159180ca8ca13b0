"""A task and data whose answers it can't learn are refused, with what to do."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from simplicity_sweep.data import DataError, Diabetes, Digits, Split, TensorData, refuse_other_answers


class Answers(TensorData):
    """Twelve examples with these answers."""

    def __init__(self, answers: Tensor) -> None:
        super().__init__(val_size=2)
        self.answers = answers

    def load(self) -> tuple[Split, Split]:
        inputs = torch.randn(12, 3, generator=torch.Generator().manual_seed(0))
        return Split(inputs[:9], self.answers[:9]), Split(inputs[9:], self.answers[9:])


def data(answers: Tensor) -> TensorData:
    module = Answers(answers)
    module.setup()
    return module


CLASSES = torch.arange(12) % 3
NUMBERS = torch.linspace(0, 5, 12)[:, None]
SETS = torch.stack([torch.arange(12.0) % 2, torch.arange(12) // 2 % 2], 1)


@pytest.mark.parametrize(
    ("task", "answers"),
    [
        ("classification", CLASSES),
        ("regression", NUMBERS),
        ("forecasting", NUMBERS),
        ("multilabel", SETS),
        ("regression", SETS),
    ],
)
def test_answers_of_the_kind_are_taken(task, answers):
    refuse_other_answers(task, data(answers))


@pytest.mark.parametrize(
    ("task", "answers", "message"),
    [
        ("classification", NUMBERS, "task=classification needs one class.*data=Answers holds numbers.*task=regression"),
        ("regression", CLASSES, "task=regression needs numbers.*data=Answers holds classes.*task=classification"),
        ("multilabel", NUMBERS, "task=multilabel needs a set of labels.*holds numbers"),
        ("classification", SETS, "holds sets of labels.*task=multilabel"),
        ("multilabel", SETS[:, :1], "at least two labels.*holds one.*task=classification"),
        ("regression", torch.ones(12, 2) * 3, "target 0 of data=Answers is 3 in every one of the 7 training examples"),
    ],
)
def test_other_answers_are_refused_by_task_and_data(task, answers, message):
    with pytest.raises(DataError, match=message):
        refuse_other_answers(task, data(answers))


def test_a_target_that_is_no_number_is_refused():
    with pytest.raises(DataError, match="finite targets, but got nan in target 0"):
        data(torch.full((12, 1), float("nan")))


def test_diabetes_are_numbers_and_digits_are_classes():
    digits = Digits(root=".", val_size=100)
    digits.setup()
    with pytest.raises(DataError, match="data=Digits holds classes"):
        refuse_other_answers("regression", digits)
    patients = Diabetes(val_size=54)
    patients.setup()
    refuse_other_answers("regression", patients)
    assert [len(part) for part in (patients.train, patients.val, patients.test)] == [300, 54, 88]
    assert (patients.shape, patients.outputs) == ((10,), 1)
    torch.testing.assert_close(patients.train.inputs.mean(0), torch.zeros(10), atol=1e-5, rtol=0)
    labels = torch.cat([part.labels for part in (patients.train, patients.val, patients.test)])
    assert (labels.min(), labels.max()) == (25, 346)  # as its authors say


def test_targets_are_scaled_by_the_training_part():
    module = data(NUMBERS)
    mean, std = module.target_scale()
    scaled = (module.train.labels - mean) / std
    assert abs(float(scaled.mean())) < 1e-6
    assert float(scaled.std(correction=0)) == pytest.approx(1, abs=1e-6)
