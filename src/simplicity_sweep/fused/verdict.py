"""Whether a member can be part of a stacked program, and of which."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from simplicity_sweep.fused.binding import bind
from simplicity_sweep.fused.member import Member, Work
from simplicity_sweep.fused.network import NetworkStack
from simplicity_sweep.fused.reads import settings
from simplicity_sweep.fused.recent import Recent
from simplicity_sweep.fused.rehearsal import in_words, rehearse
from simplicity_sweep.fused.signature import shape, structure, why_not_fusable

# By structure, the settings that a step was seen to read. Most steps read none, and are not here.
_READ: dict[Hashable, frozenset[str]] = {}
_REASONS: Recent[str | None] = Recent(256)


@dataclass(frozen=True)
class Verdict:
    """What is known of one member and its work.

    Args:
        key: members with equal keys may be stepped together; None for one that cannot be stacked.
        reason: why it cannot, in words.
    """

    key: Hashable
    reason: str | None = None


def examine(member: Member, work: Work) -> Verdict:
    """The verdict on a member as it is now.

    A step of a kind not seen before is tried and traced; after that the answer takes some hundred microseconds. It
    depends on everything that a program is made of, so that a member that has changed gets another key.
    """
    if reason := why_not_fusable(member):
        return Verdict(None, reason)
    base = structure(member)
    key = _key(base, member, work)
    if key not in _REASONS:
        rehearsal = rehearse(member, work)
        if rehearsal.failed:
            return Verdict(None, rehearsal.reason)
        if rehearsal.read:
            _READ[base] = _READ.get(base, frozenset()) | rehearsal.read
            key = _key(base, member, work)
        _REASONS.get(key, lambda: rehearsal.reason or _untraceable(member, work))
    reason = _REASONS.get(key, lambda: None)
    return Verdict(None if reason else key, reason)


def program_key(member: Member) -> Hashable:
    """Equal for members that one program can step: of one structure, and alike in what their step reads."""
    return _program_key(structure(member), member)


def _key(base: Hashable, member: Member, work: Work) -> Hashable:
    return _program_key(base, member), shape(work)


def _program_key(base: Hashable, member: Member) -> Hashable:
    return base, settings(member, _READ.get(base, frozenset()))


def _untraceable(member: Member, work: Work) -> str | None:
    """Why the step cannot be traced, or None; the traces are kept."""
    networks = NetworkStack([member.module])
    try:
        for size in work.batch_sizes():
            bind(networks, program_key(member), [work], size)
    except Exception as error:
        return in_words(error)
    return None
