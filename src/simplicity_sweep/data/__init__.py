"""Data sets as tensors on the device, batches in an order fixed by seed and epoch, sources of files."""

from simplicity_sweep.data.arrays import Arrays
from simplicity_sweep.data.batches import Batches, FixedBatches, order
from simplicity_sweep.data.collection import Collection
from simplicity_sweep.data.diabetes import Diabetes
from simplicity_sweep.data.digits import Digits
from simplicity_sweep.data.errors import DataError
from simplicity_sweep.data.fitting import refuse_other_answers
from simplicity_sweep.data.image_folder import ImageFolder
from simplicity_sweep.data.mnist import KMNIST, MNIST, FashionMNIST, IdxImages
from simplicity_sweep.data.opening import KEYS, is_foreign, open_data
from simplicity_sweep.data.published import PublishedFile
from simplicity_sweep.data.series import Series
from simplicity_sweep.data.sharing import Parts
from simplicity_sweep.data.sources import Folder, NpmPackage, Source, Torchvision
from simplicity_sweep.data.split import Split
from simplicity_sweep.data.table import Table
from simplicity_sweep.data.tensors import TensorData, hold_out, standardise

__all__ = [
    "KEYS",
    "KMNIST",
    "MNIST",
    "Arrays",
    "Batches",
    "Collection",
    "DataError",
    "Diabetes",
    "Digits",
    "FashionMNIST",
    "FixedBatches",
    "Folder",
    "IdxImages",
    "ImageFolder",
    "NpmPackage",
    "Parts",
    "PublishedFile",
    "Series",
    "Source",
    "Split",
    "Table",
    "TensorData",
    "Torchvision",
    "hold_out",
    "is_foreign",
    "open_data",
    "order",
    "refuse_other_answers",
    "standardise",
]
