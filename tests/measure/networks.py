"""What users bring: functions that return networks for images of 1 × 8 × 8, good ones and bad ones."""

from __future__ import annotations

from torch import Tensor, nn

PIXELS = 64


def linear() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(PIXELS, 10))


def talkative() -> nn.Module:
    print("weights loaded")
    return linear()


def convolutional() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5)),
        *(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(PIXELS, 10)),
    ).train()


def binary() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(PIXELS, 1))


def double() -> nn.Module:
    return linear().double()


def half() -> nn.Module:
    return linear().half()


def without_parameters() -> nn.Module:
    return nn.Flatten()


def of_other_images() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))


def constant() -> nn.Module:
    network = linear()
    nn.init.zeros_(network[1].weight)
    return network


def of_zeros() -> nn.Module:
    network = constant()
    nn.init.zeros_(network[1].bias)
    return network


def not_finite() -> nn.Module:
    network = linear()
    nn.init.constant_(network[1].weight, float("nan"))
    return network


class Wrapped(nn.Module):
    """A class where a function is expected."""

    def __init__(self) -> None:
        super().__init__()
        self.network = linear()

    def forward(self, inputs: Tensor) -> Tensor:
        return self.network(inputs)


class Pair(Wrapped):
    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        return self.network(inputs), inputs


class Squeezed(Wrapped):
    def forward(self, inputs: Tensor) -> Tensor:
        return self.network(inputs)[:, 0]


class Labels(Wrapped):
    def forward(self, inputs: Tensor) -> Tensor:
        return self.network(inputs).long()


class Detached(Wrapped):
    def forward(self, inputs: Tensor) -> Tensor:
        return self.network(inputs).detach()


class Picky(Wrapped):
    """Refuses what lies outside of the data's range."""

    def forward(self, inputs: Tensor) -> Tensor:
        if inputs.abs().max() > 3:
            raise ValueError("a pixel is out of range")
        return self.network(inputs)


class Untested(Wrapped):
    def forward(self, inputs: Tensor) -> Tensor:
        return self.netwrok(inputs)


class Factories:
    """A place for a function."""

    linear = staticmethod(linear)


ready = Wrapped()
three = 3


def nothing() -> None:
    return None


def with_arguments(path: str) -> nn.Module:
    return linear()


def without_weights() -> nn.Module:
    raise FileNotFoundError("weights.pt is not there")


def leaving() -> nn.Module:
    raise SystemExit(3)


def interrupted() -> nn.Module:
    raise KeyboardInterrupt
