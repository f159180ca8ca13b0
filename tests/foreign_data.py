"""Data modules as anyone might have written them for Lightning, and one of ours that holds the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset, random_split

from simplicity_sweep.data import Parts, Split, TensorData


def points(n: int = 200) -> tuple[Tensor, Tensor]:
    """Points of a plane, and which of three rings each lies in."""
    inputs = torch.randn(n, 2, generator=torch.Generator().manual_seed(0))
    return inputs, inputs.norm(dim=1).floor().clamp(max=2).long()


class Rings(pl.LightningDataModule):
    """A random part of the points is for validation; the generator that draws it is the process's own."""

    def __init__(self, n: int = 200, batch_size: int = 16, drop_last: bool = False) -> None:
        super().__init__()
        self.n = n
        self.batch_size = batch_size
        self.drop_last = drop_last

    def answers(self, labels: Tensor) -> Tensor:
        return labels

    def setup(self, stage: str) -> None:
        inputs, labels = points(self.n)
        whole = TensorDataset(inputs, self.answers(labels))
        cut = self.n * 3 // 4
        if stage == "fit":
            known = torch.utils.data.Subset(whole, range(cut))
            self.train, self.val = random_split(known, [cut - self.n // 8, self.n // 8])
        if stage == "test":
            self.test = torch.utils.data.Subset(whole, range(cut, self.n))

    def train_dataloader(self) -> Any:
        return DataLoader(self.train, self.batch_size, shuffle=True, drop_last=self.drop_last)

    def val_dataloader(self) -> Any:
        return DataLoader(self.val, 64)

    def test_dataloader(self) -> Any:
        return DataLoader(self.test, 64)


class SameRings(TensorData):
    """The tensors of `Rings`, which was seeded with 0 before it divided them."""

    def __init__(self, *, n: int = 200, **options: Any) -> None:
        known = {name: options[name] for name in ("batch_size", "order_seed", "root") if name in options}
        super().__init__(val_size=1, **known)
        self.n = n

    def load(self) -> Parts:
        inputs, labels = points(self.n)
        cut = self.n * 3 // 4
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            train, val = random_split(range(cut), [cut - self.n // 8, self.n // 8])  # type: ignore[arg-type]
        parts = (torch.tensor(list(part)) for part in (train, val, range(cut, self.n)))
        return Parts(*(Split(inputs[part], labels[part]) for part in parts), outputs=3)


class Numbers(Rings):
    """One measured number an example."""

    def answers(self, labels: Tensor) -> Tensor:
        return labels + 0.5


class Tags(Rings):
    """Two labels an example, each 0 or 1."""

    def answers(self, labels: Tensor) -> Tensor:
        return torch.stack([labels > 0, labels > 1], dim=1).long()


class Of(Rings):
    """`Rings`, of whose loaders one is another."""

    def __init__(self, part: str, make: Callable[[Dataset[Any]], Any]) -> None:
        super().__init__()
        self.part = part
        self.make = make

    def _loader(self, part: str) -> Any:
        usual = {"train": super().train_dataloader, "val": super().val_dataloader, "test": super().test_dataloader}
        return self.make(getattr(self, part)) if part == self.part else usual[part]()

    def train_dataloader(self) -> Any:
        return self._loader("train")

    def val_dataloader(self) -> Any:
        return self._loader("val")

    def test_dataloader(self) -> Any:
        return self._loader("test")


class Changed(Dataset[Any]):
    """A dataset, each example of which a function changes."""

    def __init__(self, whole: Any, change: Callable[[Tensor, Tensor], Any]) -> None:
        self.whole = whole
        self.change = change

    def __len__(self) -> int:
        return len(self.whole)

    def __getitem__(self, place: int) -> Any:
        return self.change(*self.whole[place])


class Endless(IterableDataset[Any]):
    """Examples without an end."""

    def __iter__(self) -> Any:
        while True:
            yield torch.zeros(2), 0
