"""The small digits that come with scikit-learn: a data set that needs no download."""

import numpy as np
import torch

from simplicity_sweep.data.permutation import permutation
from simplicity_sweep.data.split import Split
from simplicity_sweep.data.tensors import TensorData, standardise

_DARKEST = 16
_CLASSES = 10
_TEST_PER_CLASS = 36
_TEST_STREAM = 2


class Digits(TensorData):
    """1797 handwritten digits of 8 × 8 pixels (Alpaydin, Kaynak 1998), as scikit-learn has them.

    They have no published test part. Ours is 36 random examples of every class, 360 in all, always the
    same; the other 1437 are the training part, from which `val_size` are held out. Inputs are float32 `[n,
    8, 8]`: pixels of 0 to 16, divided by 16, standardised. See `TensorData` for arguments, attributes and
    errors; `root` is not used.
    """

    def load(self) -> tuple[Split, Split]:
        """The training part and the test part."""
        from sklearn.datasets import load_digits  # slow to import, and no other data set needs it

        digits = load_digits()
        whole = Split(
            inputs=standardise(digits.images, scale=_DARKEST, mean=self.mean, std=self.std),
            labels=torch.from_numpy(digits.target.astype(np.int64)),
        )
        tested = torch.zeros(len(whole), dtype=torch.bool)
        for label in range(_CLASSES):
            examples = (whole.labels == label).nonzero().flatten()
            mixed = permutation(len(examples), seed=0, stream=(_TEST_STREAM, label))
            tested[examples[mixed[:_TEST_PER_CLASS]]] = True
        return whole.take((~tested).nonzero().flatten()), whole.take(tested.nonzero().flatten())
