"""Class weights: stated, or balanced by the training part."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from simplicity_sweep.data import DataError
from simplicity_sweep.data.weights import check_class_weights, weights_of

LABELS = torch.tensor([0, 2, 2, 1, 2, 0, 2, 2])


def test_balanced_weights_are_those_of_scikit_learn():
    expected = compute_class_weight("balanced", classes=np.arange(3), y=LABELS.numpy())
    assert weights_of("balanced", LABELS, classes=3) == pytest.approx(expected)


def test_a_class_without_examples_can_not_be_balanced():
    with pytest.raises(DataError, match="class 3 has no example in the training part"):
        weights_of("balanced", LABELS, classes=4)


def test_there_is_one_weight_for_each_class():
    assert weights_of([1, 2, 0.5], LABELS, classes=3) == (1.0, 2.0, 0.5)
    with pytest.raises(DataError, match=r"class_weights = \[1, 2\]: 2 numbers for 3 classes"):
        weights_of([1, 2], LABELS, classes=3)


@pytest.mark.parametrize("weights", ["even", [], [1, 0], [1, float("inf")], ["1"], 2])
def test_what_are_no_weights_is_refused(weights):
    with pytest.raises(DataError, match="`class_weights` to be null, balanced or a finite number"):
        check_class_weights(weights)
