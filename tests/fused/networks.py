"""Small networks, data and the plain training loop that the engine is compared with."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from simplicity_sweep.fused import Member, Work

EXAMPLES, CLASSES = 200, 10
Optimizer = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]


class Net(nn.Module):
    """What the engine asks of a LightningModule, and no more."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        inputs, labels = batch
        logits = self.network(inputs)
        loss = cross_entropy(logits, labels)
        self.log("train/loss", loss, on_epoch=True)
        self.log_dict({"accuracy": (logits.argmax(-1) == labels).float().mean(), "constant": 3}, prog_bar=True)
        return loss

    def log(self, name: str, value: Tensor | float, **options: Any) -> None: ...

    def log_dict(self, values: dict[str, Any], **options: Any) -> None: ...


def perceptron(
    sizes: Sequence[int] = (64, 32, 16, CLASSES),
    activation: Callable[[], nn.Module] = nn.ReLU,
    extra: Callable[[int], nn.Module] | None = None,
) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes[:-1]):
        layers += [nn.Linear(before, after), activation()] + ([extra(after)] if extra else [])
    return nn.Sequential(*layers, nn.Linear(*sizes[-2:]))


adam = partial(torch.optim.Adam, fused=True)
adamw = partial(torch.optim.AdamW, fused=True)
sgd = torch.optim.SGD
momentum = partial(torch.optim.SGD, momentum=0.9, nesterov=True, weight_decay=1e-3)
damped = partial(torch.optim.SGD, momentum=0.9, dampening=0.3)


class Case:
    """Members of a group, and a copy of each that a plain loop trains."""

    def __init__(
        self,
        build: Callable[[], nn.Module],
        optimizer: Callable[..., torch.optim.Optimizer] = adam,
        members: int = 3,
        batch_size: int = 16,
        rates: Sequence[float] = (1e-3, 3e-3, 1e-2, 2e-3, 5e-3),
        wrap: Callable[[nn.Module], nn.Module] = Net,
    ) -> None:
        self.batch_size = batch_size
        self.members: list[Member] = []
        self.plain: list[Member] = []
        self.rngs: list[torch.Generator] = []
        self.plain_rngs: list[torch.Generator] = []
        for k in range(members):
            torch.manual_seed(k)
            module = wrap(build())
            twin = copy.deepcopy(module)
            self.members.append(Member(module, optimizer(module.parameters(), lr=rates[k % len(rates)])))
            self.plain.append(Member(twin, optimizer(twin.parameters(), lr=rates[k % len(rates)])))
            for rngs in (self.rngs, self.plain_rngs):
                rngs.append(torch.Generator().manual_seed(k))
        first = next(self.members[0].module.parameters())
        width = next(m.in_features for m in self.members[0].module.modules() if isinstance(m, nn.Linear))
        generator = torch.Generator().manual_seed(99)
        self.inputs = torch.randn(EXAMPLES, width, generator=generator, dtype=first.dtype)
        self.labels = torch.randint(0, CLASSES, (EXAMPLES,), generator=generator)

    def works(self, steps: int, epoch: int = 0, short: int = 0) -> list[Work]:
        """Steps of full batches, and one more of `short` examples."""
        return [
            Work(
                self.inputs, self.labels, order(steps * self.batch_size + short, 7 * epoch + k), self.batch_size, 0, rng
            )
            for k, rng in enumerate(self.rngs)
        ]

    def run_plainly(self, works: Sequence[Work]) -> list[list[float]]:
        """Trains the copies by the ordinary loop, with one thread; the losses of each."""
        return [
            plain_loop(member, work, rng) for member, work, rng in zip(self.plain, works, self.plain_rngs, strict=True)
        ]

    def differences(self) -> list[float]:
        """The largest difference between each member's state and its copy's."""
        return [difference(a.module, b.module) for a, b in zip(self.members, self.plain, strict=True)]


def order(length: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    rounds = [torch.randperm(EXAMPLES, generator=generator) for _ in range(length // EXAMPLES + 1)]
    return torch.cat(rounds)[:length]


def difference(one: nn.Module, other: nn.Module) -> float:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return max((a.double() - b.double()).abs().max().item() for a, b in pairs)


def plain_loop(member: Member, work: Work, rng: torch.Generator) -> list[float]:
    losses = []
    with one_thread():
        state = torch.get_rng_state()
        torch.set_rng_state(rng.get_state())
        for index, places in enumerate(torch.split(work.order, work.batch_size)):
            loss = member.module.training_step((work.inputs[places], work.labels[places]), index)  # type: ignore[operator]
            member.optimizer.zero_grad()
            loss.backward()
            member.optimizer.step()
            losses.append(loss.item())
        rng.set_state(torch.get_rng_state())
        torch.set_rng_state(state)
    return losses


@contextmanager
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
