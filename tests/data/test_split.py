"""A split holds float32 inputs and, of the same length, int64 classes or float32 targets, and nothing else."""

from __future__ import annotations

import pytest
import torch

from simplicity_sweep.data import DataError, Split


def test_length_is_the_number_of_examples():
    assert len(Split(torch.zeros(3, 8, 8), torch.tensor([0, 1, 1]))) == 3


def test_take_gives_the_examples_in_the_order_asked_for():
    split = Split(torch.tensor([[10.0], [11.0], [12.0]]), torch.tensor([0, 1, 2])).take(torch.tensor([2, 0]))
    assert split.inputs.tolist() == [[12.0], [10.0]]
    assert split.labels.tolist() == [2, 0]


def test_what_is_on_the_device_already_is_not_copied():
    split = Split(torch.zeros(1, 2), torch.zeros(1, dtype=torch.int64))
    assert split.to(torch.device("cpu")).inputs is split.inputs


def test_answers_are_classes_or_numbers():
    assert Split(torch.zeros(2, 3), torch.tensor([0, 1])).is_classes
    assert not Split(torch.zeros(2, 3), torch.zeros(2, 1)).is_classes


@pytest.mark.parametrize(
    ("inputs", "labels", "message"),
    [
        (
            torch.zeros(2, 3, dtype=torch.float64),
            torch.zeros(2, dtype=torch.int64),
            "float32.*got torch.float64",
        ),
        (torch.zeros(2, 3), torch.zeros(2, dtype=torch.float64), "int64 classes or float32 targets.*torch.float64"),
        (torch.zeros(2, 3), torch.zeros(2), r"shape \[n, outputs\].*got \[2, 3\] and \[2\]"),
        (torch.zeros(2, 3), torch.zeros(3, 1), r"shape \[n, outputs\].*got \[2, 3\] and \[3, 1\]"),
        (torch.zeros(2, 3), torch.zeros(3, dtype=torch.int64), r"got \[2, 3\] and \[3\]"),
        (torch.zeros(2, 3), torch.zeros(2, 1, dtype=torch.int64), r"got \[2, 3\] and \[2, 1\]"),
        (torch.zeros(2), torch.zeros(2, dtype=torch.int64), r"got \[2\] and \[2\]"),
        (
            torch.zeros(2, 3, device="meta"),
            torch.zeros(2, dtype=torch.int64),
            "one device, but got meta and cpu",
        ),
    ],
)
def test_other_types_shapes_and_devices_are_refused(inputs, labels, message):
    with pytest.raises(DataError, match=message):
        Split(inputs, labels)
