"""What each network is, what it takes, and that it is measured and trained like a perceptron."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn
from torchvision.models import resnet18

from simplicity_sweep.functional import jacobian_gram
from simplicity_sweep.nn import CNN, MLP, Transformer
from simplicity_sweep.nn.patches import Patches
from simplicity_sweep.nn.resnet import ResNet18
from simplicity_sweep.probe.controls import AtState

NETWORKS = {
    "cnn": partial(CNN, (8, 8), 10, 2, nn.Tanh),
    "transformer": partial(Transformer, (8, 8), 10, 2, nn.Tanh),
    "resnet18": partial(ResNet18, (8, 8), 10, nn.Tanh, "small"),
}


@pytest.fixture(params=NETWORKS)
def network(request) -> nn.Module:
    torch.manual_seed(0)
    return NETWORKS[request.param]().double()


def images(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def count(network: nn.Module, kind: type[nn.Module]) -> int:
    return sum(isinstance(part, kind) for part in network.modules())


@pytest.mark.parametrize("layers", [0, 1, 2, 5])
def test_depth_is_the_number_of_convolutions_or_blocks(layers):
    assert count(CNN((8, 8), 10, layers, nn.ReLU), nn.Conv2d) == layers
    assert len(Transformer((8, 8), 10, layers, nn.ReLU).blocks) == layers


@pytest.mark.parametrize(("shape", "layers", "inputs"), [((28, 28), 2, 7 * 7 * 16), ((8, 8), 3, 2 * 2 * 16)])
def test_an_image_is_halved_after_each_of_the_first_two_convolutions(shape, layers, inputs):
    assert CNN(shape, 10, layers, nn.ReLU)[-1].in_features == inputs


def test_a_cnn_has_the_parameters_counted_by_hand():
    network = CNN((3, 8, 8), 10, 2, nn.ReLU, channels=4)
    by_hand = (3 * 9 * 4 + 4) + (4 * 9 * 4 + 4) + (2 * 2 * 4 * 10 + 10)
    assert sum(parameter.numel() for parameter in network.parameters()) == by_hand


def test_a_cnn_without_hidden_layers_is_a_linear_model():
    network, (x, y) = CNN((8, 8), 10, 0, nn.ReLU).double(), images(2, 1, 8, 8)
    torch.testing.assert_close(network((x + y) / 2), (network(x) + network(y)) / 2)


def test_our_resnet_computes_what_torchvisions_does():
    theirs, ours = resnet18(num_classes=10).double(), ResNet18((3, 32, 32), 10, nn.ReLU).double()
    ours.resnet.load_state_dict(theirs.state_dict())
    for mode in (True, False):
        torch.testing.assert_close(ours.train(mode)(images(2, 3, 32, 32)), theirs.train(mode)(images(2, 3, 32, 32)))


@pytest.mark.parametrize(
    ("network", "activations"),
    [
        (partial(CNN, (8, 8), 10, 3), 3),
        (partial(Transformer, (8, 8), 10, 3), 3),
        (partial(ResNet18, (8, 8), 10, stem="small"), 17),
    ],
)
def test_every_activation_is_a_module_of_its_own(network, activations):
    built = network(activation=nn.PReLU)
    assert count(built, nn.PReLU) == activations
    assert count(built, nn.ReLU) == 0
    assert sum(parameter.shape == (1,) for parameter in built.parameters()) == activations


def test_patches_are_those_that_unfolding_gives():
    x = images(2, 3, 8, 12)
    expected = nn.functional.unfold(x, 4, stride=4).transpose(1, 2)  # [n, patches, channels · 4 · 4]
    assert torch.equal(Patches((3, 8, 12), 4)(x), expected)


def test_a_transformers_attention_is_torchs():
    attention = Transformer((8, 8), 10, 1, nn.ReLU).double().blocks[0].attention
    theirs = nn.MultiheadAttention(64, 4, batch_first=True, dtype=torch.float64)
    theirs.load_state_dict(
        {
            "in_proj_weight": attention.inward.weight,
            "in_proj_bias": attention.inward.bias,
            "out_proj.weight": attention.outward.weight,
            "out_proj.bias": attention.outward.bias,
        }
    )
    x = images(3, 5, 64)
    torch.testing.assert_close(attention(x), theirs(x, x, x, need_weights=False)[0])


def test_a_transformer_sees_where_a_patch_is():
    torch.manual_seed(0)
    network, x = Transformer((8,), 3, 1, nn.ReLU, patch=2).double(), images(1, 8)
    swapped = x[:, [2, 3, 0, 1, 4, 5, 6, 7]]
    assert not torch.allclose(network(x), network(swapped))


def test_the_gram_matrix_is_that_of_torchs_jacobian(network):
    x = images(1, 8, 8)
    by_torch = torch.func.vmap(torch.func.jacrev(lambda one: network.eval()(one[None])[0]))(x).flatten(2)
    torch.testing.assert_close(jacobian_gram(network.train(), x), by_torch @ by_torch.transpose(1, 2))


def test_a_networks_initial_state_is_evaluated_with_its_own_running_statistics(network):
    x, initial = images(6, 8, 8), {name: value.clone() for name, value in network.state_dict().items()}
    before = network.eval()(x)
    network.train()(x + 3)  # moves running statistics
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1)
    after = network.eval()(x)
    assert not torch.allclose(after, before)
    torch.testing.assert_close(AtState(network, initial).eval()(x), before)
    torch.testing.assert_close(network(x), after)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: CNN((64,), 10, 2, nn.ReLU), r"images of shape .* got inputs of shape \(64,\)"),
        (lambda: CNN((8, 8), 10, -1, nn.ReLU), "hidden_layers"),
        (lambda: CNN((8, 8), 10, 1, nn.ReLU, channels=0), "channels"),
        (lambda: ResNet18((64,), 10, nn.ReLU), "images of shape"),
        (lambda: ResNet18((8, 8), 10, nn.ReLU), r"17 × 17 or more .* got 8 × 8.*model\.stem=small"),
        (lambda: ResNet18((4, 4), 10, nn.ReLU, "small"), "5 × 5 or more"),
        (lambda: ResNet18((32, 32), 10, nn.ReLU, "large"), "stem"),
        (lambda: Transformer((8, 12), 10, 1, nn.ReLU, patch=3), r"model\.patch=1 or 2 or 4"),
        (lambda: Transformer((13,), 10, 1, nn.ReLU), r"model\.patch=1 or 13"),
        (lambda: Transformer((8,), 10, 1, nn.ReLU, heads=3), "heads"),
        (lambda: Transformer((8,), 10, -1, nn.ReLU), "hidden_layers"),
    ],
)
def test_what_a_network_cannot_be_is_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_the_default_perceptron_has_the_names_that_checkpoints_have():
    names = [name for name, _ in MLP((28, 28), 10, (128, 64), nn.ReLU).named_parameters()]
    assert names == [f"{layer}.{kind}" for layer in (1, 3, 5) for kind in ("weight", "bias")]
