"""Networks that are observed together are seen as each is by itself."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from simplicity_sweep.probe import Observation, Points, Probe
from simplicity_sweep.probe import together as module
from simplicity_sweep.probe.together import Together, structure_of

PROBE = Probe(inputs=None, paths=9, points=16, draws=2, sigma=0.1)
TENSORS = ["logits", "probabilities", "noisy_logits", "noisy_probabilities", "path_labels", "jacobian_gram"]


def network(seed: int, activation: type[nn.Module] = nn.Tanh) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(6, 8), nn.BatchNorm1d(8), activation(), nn.Dropout(), nn.Linear(8, 3))


def points(seed: int, n: int = 40) -> Points:
    return Points(torch.randn(n, 2, 3, generator=torch.Generator().manual_seed(seed)), None, PROBE, seed)


@pytest.mark.parametrize("rows", [1 << 16, 100], ids=["at once", "in parts"])
@pytest.mark.parametrize("name", TENSORS)
def test_each_network_is_seen_at_its_own_points(name: str, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ROWS", rows)
    networks, places = [network(seed) for seed in range(3)], [points(seed % 2) for seed in range(3)]
    for seen, one, place in zip(Together(networks, places).observations(), networks, places, strict=True):
        got: Tensor = getattr(seen, name)
        torch.testing.assert_close(got, getattr(Observation(one, place), name), rtol=1e-5, atol=1e-6)


def test_observing_leaves_no_trace() -> None:
    networks = [network(seed).train() for seed in range(2)]
    before = [{name: value.clone() for name, value in one.state_dict().items()} for one in networks]
    state = torch.get_rng_state()
    [seen, _] = Together(networks, [points(0), points(0)]).observations()
    _ = seen.logits, seen.jacobian_gram, seen.path_labels
    assert torch.equal(torch.get_rng_state(), state)
    for one, values in zip(networks, before, strict=True):
        assert all(part.training for part in one.modules())
        assert all(parameter.grad is None for parameter in one.parameters())
        assert all(torch.equal(value, values[name]) for name, value in one.state_dict().items())


def test_networks_of_another_structure_or_at_other_points_are_told_apart() -> None:
    alike = [structure_of(network(seed), points(seed)) for seed in range(2)]
    others = [structure_of(network(0, nn.ReLU), points(0)), structure_of(network(0), points(0, n=41))]
    assert len({*alike, *others}) == 3
