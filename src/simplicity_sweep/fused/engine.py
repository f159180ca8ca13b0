"""Does the optimiser steps of many runs: those of one shape together."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass

import torch

from simplicity_sweep.fused.group import Group
from simplicity_sweep.fused.member import Member, StepLog, Work
from simplicity_sweep.fused.memory import member_bytes
from simplicity_sweep.fused.signature import signature, why_not_fusable


@dataclass(eq=False)
class Steps:
    """A request: these steps of this member."""

    member: Member
    work: Work


def free_bytes(device: torch.device) -> int:
    """Memory on `device` that nobody uses."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


class Engine:
    """Answers requests for steps; the same members asking again are stepped on without being stacked anew.

    Args:
        observer: is given the logs of each round of answers.
        memory: how many bytes a device has to spare. Groups take half of them at the most; what would be larger is
            cut into groups that are stepped one after the other.
    """

    def __init__(
        self,
        observer: Callable[[Sequence[StepLog]], None] | None = None,
        memory: Callable[[torch.device], int] = free_bytes,
    ) -> None:
        self._groups: dict[tuple[int, ...], Group] = {}
        self._sizes: dict[Hashable, int] = {}
        self._observer = observer
        self._memory = memory

    def __call__(self, requests: Sequence[Steps]) -> list[StepLog | BaseException]:
        """What each request's steps logged, in their order; an exception where a member's own steps raised one.

        An error that concerns a whole group, such as a device without memory, is the answer to each of its members, and
        to nobody else.
        """
        answers: dict[int, StepLog | BaseException] = {}
        groups: dict[tuple[int, ...], Group] = {}
        for places in self._parties(requests):
            key = tuple(id(requests[place].member.module) for place in places)
            groups[key] = self._groups.get(key) or Group([requests[place].member for place in places])
            try:
                logs = groups[key].steps([requests[place].work for place in places])
            except Exception as error:
                answers.update(dict.fromkeys(places, error))
            else:
                answers.update({place: log.error or log for place, log in zip(places, logs, strict=True)})
        self._groups = groups
        if self._observer is not None:
            self._observer([log for log in answers.values() if isinstance(log, StepLog)])
        return [answers[place] for place in range(len(requests))]

    def _parties(self, requests: Sequence[Steps]) -> Iterator[list[int]]:
        """The places of the requests that are answered together, as many as fit into memory."""
        parties: dict[Hashable, list[int]] = {}
        for place, request in enumerate(requests):
            parties.setdefault(_party(request), []).append(place)
        for key, places in parties.items():
            if key not in self._sizes:
                self._sizes[key] = self._most(requests[places[0]], len(places))
            most = self._sizes[key]
            yield from (places[first : first + most] for first in range(0, len(places), most))

    def _most(self, request: Steps, wanted: int) -> int:
        """How many members like this one a group may have."""
        if wanted == 1:
            return 1
        try:
            each = member_bytes(request.member, request.work)
        except Exception:  # it can't be stacked, and the group will say why: then nothing is stacked for it either
            return wanted
        return max(1, self._memory(request.work.inputs.device) // 2 // each)


def _party(request: Steps) -> Hashable:
    """Equal for requests that may be answered as one."""
    if why_not_fusable(request.member):
        return id(request.member.module)
    return signature(request.member, request.work)
