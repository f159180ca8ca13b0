"""ResNet-18, as torchvision has it, with the activation of one's choice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, ResNet

from simplicity_sweep.nn.activation import Activation, made
from simplicity_sweep.nn.images import Images

# By stem: how often the stages before the last one halve an image's side.
_HALVED = {"imagenet": 16, "small": 4}


class ResNet18(nn.Module):
    """ResNet-18 (He et al. 2016, arXiv 1512.03385) from images [n, *shape] to logits [n, outputs].

    It is torchvision's, untrained and with its initialisation, but for the channels of the first convolution, the
    number of outputs, and the activation in place of each of its 17 ReLUs. Its depth is fixed.

    Args:
        shape: of one image: (height, width) or (channels, height, width).
        outputs: how many logits.
        activation: a factory, called once for each layer that has one.
        stem: `imagenet`, a 7 × 7 convolution of stride 2 and max-pooling, for images of 17 × 17 or more; or `small`,
            a 3 × 3 convolution of stride 1, as the authors use it on images of 32 × 32, for 5 × 5 or more. What is
            smaller would be a single pixel before the last stage already, with nothing beside it to see.

    Raises:
        ValueError: the inputs are no images, or smaller ones; or there is no such stem.

    >>> network = ResNet18((28, 28), 10, nn.Tanh)
    >>> sum(isinstance(layer, nn.Tanh) for layer in network.modules())
    17
    """

    def __init__(
        self,
        shape: Sequence[int],
        outputs: int,
        activation: Activation,
        stem: Literal["imagenet", "small"] = "imagenet",
    ) -> None:
        super().__init__()
        self.images = Images(shape)
        _refuse_small(self.images, stem)
        self.resnet = ResNet(_Block, [2, 2, 2, 2], num_classes=outputs)
        if stem == "small":
            self.resnet.conv1 = _first(self.images.channels, kernel_size=3, stride=1, padding=1)
            self.resnet.maxpool = nn.Identity()
        else:
            self.resnet.conv1 = _first(self.images.channels, kernel_size=7, stride=2, padding=3)
        for part in list(self.resnet.modules()):
            for name, child in list(part.named_children()):
                if isinstance(child, nn.ReLU):
                    setattr(part, name, made(activation))

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.resnet(self.images(inputs))
        return logits


class _Block(BasicBlock):  # type: ignore[misc] # torchvision has no types
    """torchvision's block with two activations: it uses one module twice, whose parameters would be shared."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.relu_after_sum = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.relu(self.bn1(self.conv1(x)))
        hidden = self.bn2(self.conv2(hidden))
        summed: Tensor = self.relu_after_sum(hidden + (x if self.downsample is None else self.downsample(x)))
        return summed


def _first(channels: int, *, kernel_size: int, stride: int, padding: int) -> nn.Conv2d:
    convolution = nn.Conv2d(channels, 64, kernel_size, stride, padding, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")  # torchvision's for all of them
    return convolution


def _refuse_small(images: Images, stem: str) -> None:
    if stem not in _HALVED:
        raise ValueError(f"Expected argument `stem` to be one of {', '.join(_HALVED)}, but got {stem!r}.")
    side, least = min(images.height, images.width), _HALVED[stem] + 1
    if side < least:
        small = _HALVED["small"] + 1
        remedy = f" The stem for images from {small} × {small}: model.stem=small" if small <= side else ""
        raise ValueError(
            f"Expected images of {least} × {least} or more for the stem {stem!r}, but got {images.height} × "
            f"{images.width}.{remedy}"
        )
