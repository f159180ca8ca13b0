"""Attacks: against the exact worst case of linear networks, and by hand where they differ.

Weights, inputs and epsilons are small multiples of powers of two wherever labels are compared: nothing is rounded.
"""

from __future__ import annotations

import math

import pytest
import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy

from simplicity_sweep.functional import disturbed_outputs, fgsm, labels, outputs_of, pgd, worst_case_flip

EPSILON = 0.25
ATTACKS = {
    "fgsm": fgsm,
    "pgd": pgd,
    "pgd, one step": lambda *args, **kwargs: pgd(*args, steps=1, **kwargs),
    "pgd, three steps": lambda *args, **kwargs: pgd(*args, steps=3, **kwargs),
}


def every(attacks=ATTACKS):
    return pytest.mark.parametrize("attack", attacks.values(), ids=list(attacks))


def integers(low: int, high: int, shape: tuple[int, ...], seed: int = 0) -> Tensor:
    return torch.randint(low, high + 1, shape, generator=Generator().manual_seed(seed)).double()


def linear(weight: Tensor, bias: Tensor | None = None) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0], dtype=weight.dtype)
    layer.weight = nn.Parameter(weight.clone())
    layer.bias = nn.Parameter(torch.zeros(len(weight), dtype=weight.dtype) if bias is None else bias.clone())
    return layer


def absolute(centre: float, height: float) -> nn.Module:
    """One logit, f(x) = |x − centre| + height."""
    bias = torch.tensor([-centre, centre])
    return nn.Sequential(
        linear(torch.tensor([[1.0], [-1.0]]), bias), nn.ReLU(), linear(torch.ones(1, 2), torch.tensor([height]))
    )


def smooth(outputs: int) -> nn.Module:
    """With random weights."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 9), nn.Tanh(), nn.Linear(9, outputs)).double()


def integral() -> nn.Module:
    """Two layers of integers, so that nothing depends on the order of sums; two logits."""
    first, second = integers(-3, 3, (7, 5), seed=1), integers(-3, 3, (2, 7), seed=2)
    return nn.Sequential(linear(first), nn.ReLU(), linear(second))


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=Generator().manual_seed(seed), dtype=torch.float64)


def flipped(network: nn.Module, inputs: Tensor, attacked: Tensor) -> Tensor:
    return labels(outputs_of(network, attacked)) != labels(outputs_of(network, inputs))


# f(x) = w·x + 1/64 is an odd multiple of 1/64 and ε‖w‖₁ an even one, so that there are no ties.
LINEAR = (integers(-4, 4, (1, 12)), torch.tensor([0.015625]).double(), integers(-8, 8, (300, 12), seed=1) / 4)


def one_logit() -> nn.Module:
    return linear(*LINEAR[:2])


def two_logits() -> nn.Module:
    """The same function as the difference of two logits, the second minus the first."""
    weight, bias, _ = LINEAR
    other = integers(-4, 4, weight.shape, seed=3)
    return linear(torch.cat([other, other + weight]), torch.cat([torch.ones_like(bias), 1 + bias]))


@every()
@pytest.mark.parametrize("network", [one_logit(), two_logits()], ids=["one logit", "two logits"])
def test_a_linear_network_flips_where_its_distance_is_below_epsilon_times_the_1_norm(network, attack):
    weight, bias, inputs = LINEAR
    exact = (inputs @ weight[0] + bias).abs() < EPSILON * weight.abs().sum()
    assert 0.1 < float(exact.double().mean()) < 0.9  # there are both
    assert torch.equal(flipped(network, inputs, attack(network, inputs, EPSILON)), exact)


def test_the_measured_share_of_a_linear_network_is_the_exact_one():
    weight, bias, inputs = LINEAR
    network = one_logit()
    exact = (inputs @ weight[0] + bias).abs() < EPSILON * weight.abs().sum()
    attacked = disturbed_outputs(network, [attack(network, inputs, EPSILON) for attack in ATTACKS.values()])
    estimate = worst_case_flip(outputs_of(network, inputs), attacked)
    assert estimate.value == float(exact.double().mean())
    assert torch.equal(estimate.per_input, exact.double())
    assert estimate.standard_error == pytest.approx(float(exact.double().std()) / math.sqrt(len(inputs)))


def test_the_share_of_a_linear_network_grows_with_epsilon():
    weight, bias, inputs = LINEAR
    network, outputs = one_logit(), inputs @ weight[0] + bias
    shares = []
    for epsilon in (0.0, 0.03125, 0.125, 0.25, 0.5, 64.0):
        attacked = outputs_of(network, pgd(network, inputs, epsilon)).unsqueeze(0)
        shares.append(worst_case_flip(outputs_of(network, inputs), attacked).value)
        assert shares[-1] == float((outputs.abs() < epsilon * weight.abs().sum()).double().mean())
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert shares[-1] == 1


@every()
def test_no_flip_is_found_in_a_linear_network_of_many_classes_where_there_is_none(attack):
    # Class j can win if z_j − z_y + ε‖w_j − w_y‖₁ > 0.
    # The biases differ by less than the grid on which all else lies, so that there are no ties.
    network = linear(integers(-4, 4, (5, 12)), torch.arange(5).double() / 64)
    inputs = integers(-8, 8, (200, 12), seed=1) / 4
    logits, weight = outputs_of(network, inputs), network.weight.detach()
    reach = 0.125 * torch.cdist(weight, weight, p=1)[logits.argmax(1)]
    possible = (logits - logits.max(1, keepdim=True).values + reach).scatter(1, logits.argmax(1, keepdim=True), -1) > 0
    found = flipped(network, inputs, attack(network, inputs, 0.125))
    assert not bool((found & ~possible.any(1)).any())
    assert 0 < int(found.sum()) <= int(possible.any(1).sum()) < 200


def test_a_tie_has_the_label_of_outputs_of_0():
    # f(x) = x: within 1 of 1 lies 0, whose label is 0; within 1 of −1 nothing has label 1.
    network, inputs = linear(torch.ones(1, 1)), torch.tensor([[1.0], [-1.0]])
    assert flipped(network, inputs, fgsm(network, inputs, 1.0)).tolist() == [True, False]
    assert flipped(network, inputs, pgd(network, inputs, 1.0)).tolist() == [True, False]


@pytest.mark.parametrize("scale", [1e-3, 1.0, 20.0])
def test_fgsm_is_the_published_step_along_the_cross_entropy(scale):
    network, inputs = nn.Sequential(smooth(4), linear(scale * torch.eye(4, dtype=torch.float64))), normal(30, 6)
    leaf = inputs.clone().requires_grad_(True)
    logits = network(leaf)
    [gradient] = torch.autograd.grad(cross_entropy(logits, logits.argmax(1)), leaf)
    assert bool((gradient != 0).all())
    assert torch.equal(fgsm(network, inputs, 0.1), inputs + 0.1 * gradient.sign())


def test_one_logit_is_attacked_as_the_two_logits_0_and_it():
    one = smooth(1)
    two = nn.Sequential(one, linear(torch.tensor([[0.0], [1.0]], dtype=torch.float64)))
    inputs = normal(30, 6)
    assert len(labels(outputs_of(one, inputs)).unique()) == 2
    assert torch.equal(fgsm(one, inputs, 0.1), fgsm(two, inputs, 0.1))
    assert torch.equal(pgd(one, inputs, 0.1), pgd(two, inputs, 0.1))


def test_one_step_of_pgd_is_fgsm():
    network, inputs = smooth(4), normal(30, 6)
    assert torch.equal(pgd(network, inputs, 0.1, steps=1), fgsm(network, inputs, 0.1))


def test_pgd_finds_what_fgsm_jumps_over():
    # |x − 0.5| − 0.375 is positive at 0 and at 1, negative at 1/4, the first of ten steps of 2.5/10.
    network, inputs = absolute(0.5, -0.375), torch.zeros(1, 1)
    assert fgsm(network, inputs, 1.0).item() == 1
    assert not flipped(network, inputs, fgsm(network, inputs, 1.0))
    assert pgd(network, inputs, 1.0, steps=10).item() == 0.25
    assert flipped(network, inputs, pgd(network, inputs, 1.0, steps=10))


def test_pgd_keeps_the_first_flip():
    # |x − 5/16| − 1/8: negative at 1/4, where the slope leads on to 1/2, which is positive again, and back: after ten
    # steps it would be at 1/2.
    network, inputs = absolute(0.3125, -0.125), torch.zeros(1, 1)
    assert outputs_of(network, torch.tensor([[0.0], [0.25], [0.5]])).flatten().tolist() == [0.1875, -0.0625, 0.0625]
    assert pgd(network, inputs, 1.0, steps=10).item() == 0.25


def test_inputs_that_flip_leave_the_others_on_their_own_way():
    network, inputs = integral(), integers(-8, 8, (40, 5)) / 4
    together = pgd(network, inputs, EPSILON)
    alone = torch.cat([pgd(network, x[None], EPSILON) for x in inputs])
    assert 0 < int(flipped(network, inputs, together).sum()) < 40
    assert torch.equal(together, alone)


@every()
def test_an_attack_stays_in_the_ball(attack):
    network, inputs = integral(), integers(-8, 8, (40, 5)) / 4
    assert float((attack(network, inputs, EPSILON) - inputs).abs().max()) == EPSILON


@every()
def test_an_attack_stays_within_bounds(attack):
    network, inputs = integral(), integers(-8, 8, (40, 5)) / 4
    attacked = attack(network, inputs, EPSILON, bounds=(-2.0, 2.125))
    assert float((attacked - inputs).abs().max()) == EPSILON
    assert (float(attacked.min()), float(attacked.max())) == (-2, 2.125)


def test_without_bounds_nothing_is_clipped():
    network = linear(torch.tensor([[1.0, -1.0]]))
    assert fgsm(network, torch.tensor([[1.0, 0.0]]), 3.0).tolist() == [[-2, 3]]


@every()
@pytest.mark.parametrize("epsilon", [0.0, 0])
def test_epsilon_0_moves_nothing(attack, epsilon):
    inputs = normal(5, 6)
    assert torch.equal(attack(smooth(3), inputs, epsilon), inputs)


@every()
@pytest.mark.parametrize("make", [one_logit, two_logits])
def test_a_network_that_is_very_sure_is_attacked_all_the_same(make, attack):
    # Far outside of where float32's softmax is exactly 1: the cross-entropy's own gradient is 0.
    network, inputs = make().float(), LINEAR[2].float()
    sure = nn.Sequential(network, linear(1000 * torch.eye(network.out_features)))
    inputs = inputs[(LINEAR[2] @ LINEAR[0][0]).abs() > 1]
    if network.out_features == 2:
        leaf = inputs.clone().requires_grad_(True)
        logits = sure(leaf)
        [gradient] = torch.autograd.grad(cross_entropy(logits, logits.argmax(1)), leaf)
        assert not bool(gradient.any())
    assert torch.equal(attack(sure, inputs, EPSILON), attack(network, inputs, EPSILON))
    assert bool(flipped(sure, inputs, attack(sure, inputs, EPSILON)).any())


def test_a_network_of_many_classes_that_is_very_sure_is_attacked_along_its_runner_up():
    # The weights of each input's element differ, so that the runner-up alone decides which way it moves.
    weight = torch.stack([torch.randperm(5, generator=Generator().manual_seed(seed)) for seed in range(12)], 1)
    network, inputs = linear(1024.0 * weight), integers(-8, 8, (50, 12), seed=1).float() / 4
    best = outputs_of(network, inputs).topk(3)
    distinct = (best.values.diff(dim=1) != 0).all(1)
    assert int(distinct.sum()) > 40
    inputs, (first, second, _) = inputs[distinct], best.indices[distinct].unbind(1)
    expected = inputs + 0.0625 * (weight[second] - weight[first]).sign()
    assert torch.equal(fgsm(network, inputs, 0.0625), expected)


class Sign(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.sign(x)


@every()
@pytest.mark.parametrize(
    "network",
    [
        linear(torch.zeros(3, 2)),
        nn.Sequential(Sign(), linear(torch.eye(2))),
        nn.Sequential(linear(torch.eye(2)), Sign()),
    ],
    ids=["dead", "constant by pieces", "signs"],
)
def test_where_the_gradient_is_0_nothing_moves_and_no_flip_is_found(network, attack):
    inputs = torch.tensor([[0.01, 1.0], [-2.0, 0.01]])
    attacked = attack(network, inputs, 1.0)
    assert torch.equal(attacked, inputs)
    assert worst_case_flip(outputs_of(network, inputs), outputs_of(network, attacked)[None]).value == 0


class Root(nn.Module):
    """√x with a NaN below 0."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x.sqrt(), torch.ones_like(x)], dim=1)


@every()
@pytest.mark.parametrize("start", [-1.0, math.nan, math.inf])
def test_an_input_whose_outputs_are_not_finite_stays_and_leaves_the_measurement_undefined(start, attack):
    network, inputs = Root(), torch.tensor([[start], [4.0]])
    attacked = attack(network, inputs, 0.5)
    torch.testing.assert_close(attacked, torch.tensor([[start], [3.5]]), rtol=0, atol=0, equal_nan=True)
    estimate = worst_case_flip(outputs_of(network, inputs), outputs_of(network, attacked)[None])
    assert math.isnan(estimate.value)
    assert estimate.reason == "non-finite outputs"


@every()
def test_an_attack_that_reaches_outputs_that_are_not_finite_leaves_the_measurement_undefined(attack):
    # √4 > 1: the label is 0, and the slope leads down. A step of 20/4 is enough to get to −1 and its NaN.
    network, inputs = Root(), torch.tensor([[4.0]])
    attacked = attack(network, inputs, 20.0)
    assert labels(outputs_of(network, attacked)).item() == -1
    estimate = worst_case_flip(outputs_of(network, inputs), outputs_of(network, attacked)[None])
    assert math.isnan(estimate.value)
    assert estimate.reason == "non-finite outputs"


@every()
def test_an_input_without_a_label_leaves_the_others_alone(attack):
    network, inputs = integral(), integers(-8, 8, (6, 5)) / 4
    spoilt = inputs.clone()
    spoilt[2, 0] = math.nan
    rest = torch.tensor([0, 1, 3, 4, 5])
    assert torch.equal(attack(network, spoilt, EPSILON)[rest], attack(network, inputs, EPSILON)[rest])


class Trap(nn.Module):
    """|x₁| with the derivative 0/0 at 0, and x₂."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([(x[:, 0] ** 2).sqrt(), x[:, 1]], dim=1)


@every()
def test_a_gradient_that_is_nan_leaves_the_measurement_undefined(attack):
    network, inputs = Trap(), torch.tensor([[0.0, 1.0]])
    attacked = attack(network, inputs, 0.5)
    assert attacked[0].isnan().tolist() == [True, False]
    estimate = worst_case_flip(outputs_of(network, inputs), outputs_of(network, attacked)[None])
    assert estimate.reason == "non-finite outputs"


@every()
def test_the_batch_makes_no_difference(attack):
    network, inputs = integral(), integers(-8, 8, (40, 5)) / 4
    one, other = attack(network, inputs, EPSILON, batch=1), attack(network, inputs, EPSILON, batch=7)
    assert torch.equal(one, other)
    assert torch.equal(one, attack(network, inputs, EPSILON))


@every()
@pytest.mark.parametrize("shape", [(0, 6), (1, 6), (3, 2, 3)])
def test_attacked_inputs_have_the_shape_and_the_type_of_the_inputs(shape, attack):
    network, inputs = nn.Sequential(nn.Flatten(), smooth(3)), normal(*shape)
    attacked = attack(network, inputs, 0.1)
    assert attacked.shape == inputs.shape
    assert attacked.dtype == inputs.dtype
    assert not attacked.requires_grad
    in_single = attack(network.float(), inputs.float(), 0.1)
    assert in_single.dtype == torch.float32


def test_a_random_start_lies_in_the_ball_and_within_bounds():
    # The gradient is 0 everywhere, so that an input stays where it started.
    network, inputs = linear(torch.zeros(2, 3)), torch.tensor([[1.0, 0.0, -1.0]]).expand(500, 3)
    starts = pgd(network, inputs, 0.5, generator=Generator().manual_seed(0), bounds=(-1.25, 1.25))
    assert not bool(((starts - inputs).abs() > 0.5).any() | (starts.abs() > 1.25).any())
    assert bool((starts != inputs).any(1).all())
    assert float(starts.max()) == 1.25


def test_a_random_start_is_the_generators_alone_and_does_not_depend_on_the_batch():
    network, inputs = integral(), integers(-8, 8, (40, 5)) / 4
    state = torch.get_rng_state()
    first, second, other = (
        pgd(network, inputs, EPSILON, generator=Generator().manual_seed(seed), batch=batch)
        for seed, batch in ((0, 7), (0, 1000), (1, 1000))
    )
    assert torch.equal(torch.get_rng_state(), state)
    torch.testing.assert_close(first, second, rtol=0, atol=1e-12)
    assert not torch.equal(first, other)


def test_a_start_that_is_flipped_already_is_kept():
    # f(x) = x at 2⁻⁴⁰: about half of the starts within 1 have another label than the input, and stay; all others flip.
    network, inputs = linear(torch.ones(1, 1)), torch.full((100, 1), 2.0**-40)
    uniform = torch.rand(100, 1, generator=Generator().manual_seed(0))
    starts = inputs + 1.0 * (2 * uniform - 1)
    attacked = pgd(network, inputs, 1.0, generator=Generator().manual_seed(0))
    stayed = starts <= 0
    assert 0 < int(stayed.sum()) < 100
    assert torch.equal(attacked[stayed], starts[stayed])
    assert bool(flipped(network, inputs, attacked).all())


class Random(nn.Module):
    """Draws random numbers in eval mode too, and uses none of them."""

    def forward(self, x: Tensor) -> Tensor:
        return x + 0 * torch.rand(1)


def layered() -> nn.Module:
    torch.manual_seed(0)
    layers = (nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.ReLU(), Random(), nn.Linear(8, 3))
    return nn.Sequential(*layers)


@every()
def test_attacking_leaves_no_trace(attack):
    network, inputs = layered(), normal(20, 4).float().requires_grad_(True)
    network[1].eval()
    network[0].weight.requires_grad_(False)
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
    state = {name: value.clone() for name, value in network.state_dict().items()}
    given, random_state = inputs.detach().clone(), torch.get_rng_state()
    attack(network, inputs, 0.1)
    assert torch.equal(torch.get_rng_state(), random_state)
    assert network.training
    assert [part.training for part in network] == [True, False, True, True, True, True]
    assert torch.is_grad_enabled()
    assert [parameter.requires_grad for parameter in network.parameters()] == [False, True, True, True, True, True]
    assert all(torch.equal(parameter.grad, torch.ones_like(parameter)) for parameter in network.parameters())
    for name, value in network.state_dict().items():
        assert torch.equal(value, state[name]), name
    assert torch.equal(inputs.detach(), given)
    assert inputs.requires_grad
    assert inputs.grad is None


def test_a_trace_is_left_by_no_error_either():
    network = nn.Sequential(nn.Dropout(), nn.Flatten(0))
    with pytest.raises(ValueError, match="to map"), torch.no_grad():
        fgsm(network, torch.zeros(2, 2), 0.1)
    assert network.training
    assert network[0].training
    assert torch.is_grad_enabled()


@every()
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_the_callers_grad_mode_makes_no_difference_and_is_put_back(mode, attack):
    network, inputs = layered(), normal(20, 4).float()
    expected = attack(network, inputs, 0.1)
    with mode():
        enabled = torch.is_grad_enabled()
        assert torch.equal(attack(network, inputs.clone(), 0.1), expected)
        assert torch.equal(attack(network, inputs, 0.1, bounds=(-9.0, 9.0)), expected)
        assert torch.is_inference_mode_enabled() == (mode is torch.inference_mode)
        assert torch.is_grad_enabled() == enabled


@every()
def test_dropout_is_off_and_batch_statistics_are_the_running_ones_while_a_network_is_attacked(attack):
    network, inputs = layered(), normal(20, 4).float()
    training = attack(network, inputs, 0.1)
    assert torch.equal(attack(network.eval(), inputs, 0.1), training)


@every()
def test_parameters_that_are_frozen_are_no_obstacle(attack):
    network, inputs = smooth(3), normal(10, 6)
    expected = attack(network, inputs, 0.1)
    assert torch.equal(attack(network.requires_grad_(False), inputs, 0.1), expected)


@every()
def test_a_network_may_overwrite_what_it_is_given(attack):
    network = nn.Sequential(nn.ReLU(inplace=True), integral())
    inputs = integers(-8, 8, (40, 5)) / 4
    given = inputs.clone()
    expected = attack(nn.Sequential(nn.ReLU(), integral()), inputs, EPSILON)
    assert torch.equal(attack(network, inputs, EPSILON), expected)
    assert torch.equal(inputs, given)


class Counting(nn.Module):
    """f(x) = x, and how many rows it was asked for, call by call."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        self.rows.append(len(x))
        return x


def test_no_more_work_is_done_on_inputs_that_have_flipped():
    # Steps of 1/4: the first input flips after one of them, the second after three, the third never.
    network = Counting()
    pgd(network, torch.tensor([[0.125], [0.625], [5.0]]), 1.0, steps=10)
    assert network.rows == [3, 3, 2, 2, 1, 1, 1, 1, 1, 1]
    network.rows.clear()
    pgd(network, torch.tensor([[0.125], [0.625]]), 1.0, steps=10)
    assert network.rows == [2, 2, 1, 1]


def test_gradients_of_parameters_are_not_computed():
    asked: list[Tensor] = []

    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(2))

        def forward(self, x: Tensor) -> Tensor:
            weight = self.weight * 1
            weight.register_hook(asked.append)
            return x * weight

    network, inputs = Scaled(), torch.tensor([[1.0, 2.0]])
    pgd(network, inputs, 0.1)
    assert not asked
    network(inputs).sum().backward()
    assert len(asked) == 1  # otherwise they are


def test_one_attack_that_flips_an_input_is_enough():
    # By hand: the first attack flips input 0, the second inputs 0 and 2, none flips input 1.
    logits = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    attacked = torch.tensor([[[0.0, 1.0], [2.0, 1.0], [0.0, 3.0]], [[0.0, 1.0], [1.0, 0.5], [1.0, 0.0]]])
    estimate = worst_case_flip(logits, attacked)
    assert estimate.per_input.tolist() == [1, 0, 1]
    assert estimate.value == pytest.approx(2 / 3)
    assert estimate.standard_error == pytest.approx(1 / 3)  # sd of (1, 0, 1) is √(1/3)
    assert estimate.n == 3


def test_one_input_has_a_share_without_a_standard_error():
    estimate = worst_case_flip(torch.tensor([[1.0]]), torch.tensor([[[-1.0]]]))
    assert (estimate.value, estimate.standard_error, estimate.n) == (1, None, 1)


def test_the_share_of_no_inputs_is_undefined():
    network, inputs = smooth(3), normal(0, 6)
    attacked = disturbed_outputs(network, [fgsm(network, inputs, 0.1), pgd(network, inputs, 0.1)])
    estimate = worst_case_flip(outputs_of(network, inputs), attacked)
    assert math.isnan(estimate.value)
    assert estimate.reason == "no inputs"


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_share_with_outputs_that_are_not_finite_is_undefined(bad):
    fine, spoilt = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[1.0, 0.0], [0.0, bad]])
    for logits, attacked in ((spoilt, fine), (fine, spoilt), (spoilt, spoilt)):
        estimate = worst_case_flip(logits, torch.stack([fine, attacked]))
        assert math.isnan(estimate.value)
        assert (estimate.reason, estimate.n) == ("non-finite outputs", 2)


class Detached(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x.detach())


class Predicting(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.one_hot(x.argmax(1), x.shape[1]).to(x.dtype)


@every()
@pytest.mark.parametrize(
    "network",
    [Detached(linear(torch.eye(2))), Predicting(), Detached(nn.Identity())],
    ids=["detached", "labels", "none"],
)
def test_a_network_without_a_gradient_is_refused(network, attack):
    with pytest.raises(ValueError, match=r"Expected argument `network` to be differentiable.*use flip_rate"):
        attack(network, torch.tensor([[1.0, 2.0]]), 0.1)


@every()
@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool, torch.complex64])
def test_inputs_must_be_numbers_that_can_be_moved(dtype, attack):
    with pytest.raises(TypeError, match=r"Expected argument `inputs` to be floating point, but got .*Convert them"):
        attack(nn.Identity(), torch.zeros(2, 2, dtype=dtype), 0.1)


REFUSED = {
    "epsilon below 0": ({"epsilon": -0.1}, r"`epsilon` to be a finite number of at least 0, but got -0.1"),
    "epsilon inf": ({"epsilon": math.inf}, r"`epsilon` to be a finite number of at least 0, but got inf"),
    "epsilon NaN": ({"epsilon": math.nan}, r"`epsilon` to be a finite number of at least 0, but got nan"),
    "batch": ({"batch": 0}, r"`batch` to be at least 1, but got 0"),
    "bounds upside down": (
        {"bounds": (1.0, 0.0)},
        r"`bounds` to be a smaller and a larger number, but got \(1.0, 0.0\)",
    ),
    "bounds NaN": ({"bounds": (math.nan, 0.0)}, r"`bounds` to be a smaller and a larger number, but got"),
    "one bound": ({"bounds": (1.0,)}, r"`bounds` to be a smaller and a larger number, but got \(1.0,\)"),
    "inputs out of bounds": ({"bounds": (0.5, 9.0)}, r"`inputs` to lie within `bounds`, .*from 0.0 to 3.0.*units"),
    "inputs of no axis": ({"inputs": torch.tensor(1.0)}, r"`inputs` to have shape \[n, d...\], but got \[\]"),
    "outputs of one axis": (
        {"network": nn.Flatten(0)},
        r"`network` to map \[2, 2\] to \[2, C\], but got \[4\]. Wrap it",
    ),
    "outputs in a tuple": (
        {"network": nn.LSTM(2, 3)},
        r"`network` to map \[2, 2\] to \[2, C\], but got tuple. Wrap it",
    ),
}


@every({"fgsm": fgsm, "pgd": pgd})
@pytest.mark.parametrize(("changed", "message"), REFUSED.values(), ids=list(REFUSED))
def test_what_does_not_fit_is_refused(changed, message, attack):
    arguments = {"network": nn.Identity(), "inputs": torch.arange(4.0).view(2, 2), "epsilon": 0.1, **changed}
    with pytest.raises(ValueError, match=f"Expected argument {message}"):
        attack(**arguments)


def test_there_is_a_step():
    with pytest.raises(ValueError, match="Expected argument `steps` to be at least 1, but got 0"):
        pgd(nn.Identity(), torch.zeros(2, 2), 0.1, steps=0)


@pytest.mark.parametrize(
    ("logits", "attacked", "message"),
    [
        ((3,), (1, 3), r"`logits` to have shape \[n, C\], but got \[3\]"),
        ((3, 2), (3, 2), r"`attacked_logits` to have shape \[attacks, 3, 2\], .*but got \[3, 2\]. Unsqueeze a single"),
        ((3, 2), (1, 4, 2), r"`attacked_logits` to have shape \[attacks, 3, 2\], .*but got \[1, 4, 2\]"),
        ((3, 2), (1, 3, 3), r"`attacked_logits` to have shape \[attacks, 3, 2\], .*but got \[1, 3, 3\]"),
        ((3, 2), (0, 3, 2), r"`attacked_logits` to have shape .*at least one attack, but got \[0, 3, 2\]"),
        ((3, 0), (1, 3, 0), r"`outputs` to have shape \[..., C\] with C ≥ 1, but got \[3, 0\]"),
    ],
)
def test_logits_that_do_not_fit_are_refused(logits, attacked, message):
    with pytest.raises(ValueError, match=f"Expected argument {message}"):
        worst_case_flip(torch.zeros(logits), torch.zeros(attacked))
