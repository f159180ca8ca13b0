"""Does the optimiser steps of many runs: those of one shape together."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from simplicity_sweep.fused.group import Group
from simplicity_sweep.fused.member import Member, StepLog, Work
from simplicity_sweep.fused.signature import signature, why_not_fusable


@dataclass(eq=False)
class Steps:
    """A request: these steps of this member."""

    member: Member
    work: Work


class Engine:
    """Answers requests for steps; the same members asking again are stepped on without being stacked anew.

    Args:
        observer: is given the logs of each round of answers.
    """

    def __init__(self, observer: Callable[[Sequence[StepLog]], None] | None = None) -> None:
        self._groups: dict[tuple[int, ...], Group] = {}
        self._observer = observer

    def __call__(self, requests: Sequence[Steps]) -> list[StepLog | BaseException]:
        """What each request's steps logged, in their order; an exception where a member's own steps raised one."""
        parties: dict[Hashable, list[int]] = {}
        for place, request in enumerate(requests):
            parties.setdefault(_party(request), []).append(place)
        answers: dict[int, StepLog | BaseException] = {}
        groups: dict[tuple[int, ...], Group] = {}
        for places in parties.values():
            members = [requests[place].member for place in places]
            key = tuple(id(member.module) for member in members)
            groups[key] = self._groups.get(key) or Group(members)
            logs = groups[key].steps([requests[place].work for place in places])
            for place, log in zip(places, logs, strict=True):
                answers[place] = log.error or log
        self._groups = groups
        if self._observer is not None:
            self._observer([log for log in answers.values() if isinstance(log, StepLog)])
        return [answers[place] for place in range(len(requests))]


def _party(request: Steps) -> Hashable:
    """Equal for requests that may be answered as one."""
    if why_not_fusable(request.member):
        return id(request.member.module)
    return signature(request.member, request.work)
