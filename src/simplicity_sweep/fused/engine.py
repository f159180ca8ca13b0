"""Does the optimiser steps of many runs: those of one shape together."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

import torch

from simplicity_sweep.fused.group import Group
from simplicity_sweep.fused.member import Member, StepLog, Work
from simplicity_sweep.fused.memory import member_bytes
from simplicity_sweep.fused.verdict import Verdict, examine
from simplicity_sweep.memory import free_bytes, is_out_of_memory


@dataclass(eq=False)
class Steps:
    """A request: these steps of this member.

    Attributes:
        verdict: whether they can be stacked; found where the request is made, in the member's own surroundings.
    """

    member: Member
    work: Work
    verdict: Verdict = field(init=False)

    def __post_init__(self) -> None:
        self.verdict = examine(self.member, self.work)


class Engine:
    """Answers requests for steps; the same members asking again, unchanged, are stepped on without being stacked anew.

    Args:
        memory: how many bytes a device has to spare. Groups take half of them at the most; what would be larger is
            cut into groups that are stepped one after the other, each stacked anew in every round.
    """

    def __init__(
        self,
        memory: Callable[[torch.device], int] = free_bytes,
    ) -> None:
        self._groups: dict[Hashable, Group] = {}
        self._sizes: dict[Hashable, int] = {}
        self._memory = memory

    def __call__(self, requests: Sequence[Steps]) -> list[StepLog | BaseException]:
        """What each request's steps logged, in their order; an exception where a member's own steps raised one.

        Where `alone` in a log says why a member cannot be stacked, none of its steps has been made.
        """
        logs = {p: StepLog(torch.zeros(0), alone=r.verdict.reason) for p, r in enumerate(requests) if r.verdict.reason}
        parties: dict[Hashable, list[int]] = {}
        for place, request in enumerate(requests):
            if place not in logs:
                parties.setdefault(request.verdict.key, []).append(place)
        kept: dict[Hashable, Group] = {}
        for key, places in parties.items():
            logs.update(self._serve(key, places, requests, kept))
        self._groups = kept
        return [logs[place].error or logs[place] for place in range(len(requests))]

    def _serve(
        self, key: Hashable, places: Sequence[int], requests: Sequence[Steps], kept: dict[Hashable, Group]
    ) -> dict[int, StepLog]:
        """The logs of members of one signature, as many at a time as fit into memory."""
        logs: dict[int, StepLog] = {}
        left = list(places)
        while left:
            most = self._most(key, requests[left[0]], len(left))
            part, left = left[:most], left[most:]
            done = self._steps(part, requests, kept if len(part) == len(places) else {})
            again = [place for place, log in done.items() if is_out_of_memory(log.error)] if len(part) > 1 else []
            if again:
                self._sizes[key] = -(-len(part) // 2)
                left = again + left
                _give_memory_back(requests[part[0]].work.where)
            logs.update({place: log for place, log in done.items() if place not in again})
        return logs

    def _steps(
        self, places: Sequence[int], requests: Sequence[Steps], kept: dict[Hashable, Group]
    ) -> dict[int, StepLog]:
        """The logs of one group, which is added to `kept`; an error of the whole group is each member's."""
        members = [requests[place].member for place in places]
        key = requests[places[0]].verdict.key, *(_identity(member) for member in members)
        group = self._groups.pop(key, None) or Group(members)
        try:
            logs = group.steps([requests[place].work for place in places])
        except Exception as error:
            error.__traceback__ = None  # its frames would hold the group's memory
            logs = [StepLog(torch.zeros(0), error=error) for _ in places]
        else:
            kept[key] = group
        return dict(zip(places, logs, strict=True))

    def _most(self, key: Hashable, request: Steps, wanted: int) -> int:
        """How many members like this one a group may have."""
        if wanted == 1:
            return 1
        if key not in self._sizes:
            each = member_bytes(request.member, request.work)
            self._sizes[key] = max(1, self._memory(request.work.where) // 2 // each)
        return self._sizes[key]


def _identity(member: Member) -> Hashable:
    """What a group holds of a member: while it does, no other object has one of these identities."""
    held = (member.module, member.optimizer, *member.module.parameters(), *member.module.buffers())
    return tuple(map(id, held))


def _give_memory_back(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.empty_cache()
