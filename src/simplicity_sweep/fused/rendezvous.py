"""Many ordinary functions, one at a time, that meet where they have work to do together.

Each function runs in a thread of its own, but only one of them ever runs: a function that calls `meet` is parked until
all the others have come to such a call or ended; then their requests are answered together, and each goes on with its
own answer. A function doesn't know whether it runs here: called anywhere else, `meet` answers its request at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from simplicity_sweep.fused.ambient import Ambient, capture_all, restore_all

Result = TypeVar("Result")
Request = TypeVar("Request")
Answer = TypeVar("Answer")

Desk = Callable[[Sequence[Request]], Sequence[Answer | BaseException]]
"""Answers requests: one answer each, in their order. One that is an exception is raised where it was asked."""


class Abandoned(BaseException):
    """Raised in a parked function whose meeting has been called off (Ctrl-C), so that it can clean up and end."""


@dataclass(eq=False)
class _Guest(Generic[Result]):
    function: Callable[[], Result]
    awake: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None
    request: Any = None
    desk: Desk[Any, Any] | None = None
    answer: Any = None
    state: list[Any] | None = None
    outcome: Result | BaseException | None = None
    ended: bool = False


_local = threading.local()


def meet(request: Request, desk: Desk[Request, Answer]) -> Answer:
    """The answer to `request`: together with the other functions' requests inside a `Meeting`, else alone.

    Args:
        request: what is asked.
        desk: who answers it, where the meeting has nobody of its own for such requests. It answers in the thread that
            holds the meeting: what computes in many threads should be asked for, since each thread that calls torch's
            parallel operations gets a pool of workers of its own, and they get in each other's way.

    Raises:
        BaseException: the answer, where it is an exception.
    """
    meeting: Meeting | None = getattr(_local, "meeting", None)
    answer = desk([request])[0] if meeting is None else meeting._park(request, desk)
    if isinstance(answer, BaseException):
        raise answer
    return answer


def in_meeting() -> bool:
    """Whether the calling function runs in a `Meeting`, beside others."""
    return getattr(_local, "meeting", None) is not None


class Meeting:
    """Runs functions to their ends, answering their requests together.

    Args:
        desks: by the type of a request, who answers it; others are answered by the desk that they come with.
        ambients: process-wide state that each function shall have to itself.
    """

    def __init__(self, desks: Mapping[type, Desk[Any, Any]], ambients: Iterable[Ambient]) -> None:
        self._desks = dict(desks)
        self._ambients = list(ambients)
        self._returned = threading.Event()
        self._abandoned = False

    def run(self, functions: Sequence[Callable[[], Result]]) -> list[Result | BaseException]:
        """What each function returned or raised, in their order.

        An exception ends its own function only. A KeyboardInterrupt, or whatever else is no Exception, ends them all,
        whether a function raised it or it reached the calling thread: a function that runs goes on to its next
        meeting, each parked one gets `Abandoned`, then it is raised here.
        """
        guests = [_Guest(function) for function in functions]
        try:
            for guest in guests:
                self._wake(guest)
            while parked := [guest for guest in guests if not guest.ended]:
                self._answer(parked)
                for guest in parked:
                    self._wake(guest)
        except BaseException:
            self._abandoned = True
            for guest in guests:
                if guest.thread is not None and not guest.ended:
                    self._wake(guest)
            raise
        return [guest.outcome for guest in guests]  # type: ignore[misc]

    def _answer(self, parked: Sequence[_Guest[Any]]) -> None:
        """Gives each its answer, those that have come to one desk together."""
        visitors: dict[int, list[_Guest[Any]]] = {}
        for guest in parked:
            visitors.setdefault(id(guest.desk), []).append(guest)
        for guests in visitors.values():
            desk = guests[0].desk
            assert desk is not None
            for guest, answer in zip(guests, desk([guest.request for guest in guests]), strict=True):
                guest.answer = answer

    def _wake(self, guest: _Guest[Any]) -> None:
        """Lets one function run until it parks or ends, in its own surroundings."""
        mine = capture_all(self._ambients)
        if guest.state is not None:
            restore_all(self._ambients, guest.state)
        self._returned.clear()
        if guest.thread is None:
            guest.thread = threading.Thread(target=self._body, args=(guest,), daemon=True)
            guest.thread.start()
        else:
            guest.awake.set()
        try:
            self._returned.wait()
        except BaseException:
            self._abandoned = True
            self._returned.wait()
            raise
        finally:
            guest.state = None if guest.ended else capture_all(self._ambients)
            restore_all(self._ambients, mine)
        if isinstance(guest.outcome, BaseException) and not isinstance(guest.outcome, Exception | Abandoned):
            raise guest.outcome

    def _body(self, guest: _Guest[Any]) -> None:
        _local.meeting, _local.guest = self, guest
        try:
            guest.outcome = guest.function()
        except BaseException as error:
            guest.outcome = error
        guest.ended = True
        self._returned.set()

    def _park(self, request: Any, desk: Desk[Any, Any]) -> Any:
        guest: _Guest[Any] = _local.guest
        guest.request = request
        guest.desk = self._desks.get(type(request), desk)
        guest.awake.clear()
        self._returned.set()
        guest.awake.wait()
        if self._abandoned:
            raise Abandoned
        answer, guest.answer, guest.request = guest.answer, None, None
        return answer
