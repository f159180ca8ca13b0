"""Diabetes patients and how their disease went on: a regression that comes with scikit-learn."""

from __future__ import annotations

from typing import Any

import torch

from simplicity_sweep.data.permutation import permutation
from simplicity_sweep.data.scaling import by_columns
from simplicity_sweep.data.split import Split
from simplicity_sweep.data.tensors import TensorData

_TESTED = 88
_TEST_STREAM = 2


class Diabetes(TensorData):
    """442 patients (Efron et al. 2004), as scikit-learn has them: 10 numbers each, and a score of their disease a year
    later, from 25 to 346.

    They have no published test part. Ours is 88 random patients, always the same; of the other 354 `val_size` are held
    out. Inputs are float32 `[n, 10]`, standardised by the training part; targets are float32 `[n, 1]`.

    Args:
        options: those of `TensorData` but `root`, `mean` and `std`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(root=".", mean=0.0, std=1.0, **options)

    def load(self) -> tuple[Split, Split]:
        """The training part and the test part."""
        from sklearn.datasets import load_diabetes  # slow to import, and no other data set needs it

        patients = load_diabetes(scaled=False)
        whole = Split(
            inputs=torch.from_numpy(patients.data).float(), labels=torch.from_numpy(patients.target).float()[:, None]
        )
        mixed = permutation(len(whole), seed=0, stream=(_TEST_STREAM,))
        return whole.take(mixed[_TESTED:].sort().values), whole.take(mixed[:_TESTED].sort().values)

    def scaled(self, train: Split, val: Split, test: Split) -> tuple[Split, Split, Split]:
        """The parts, standardised column by column."""
        return by_columns(train, val, test, lambda place: f"column {place}")
