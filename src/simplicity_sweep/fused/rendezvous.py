"""Many ordinary functions, one at a time, that meet where they have work to do together.

Each function runs in a thread of its own, but only one of them ever runs: a function that calls `meet` is parked until
all the others have come to such a call or ended; then their requests are answered together, and each goes on with its
own answer. A function doesn't know whether it runs here: called anywhere else, `meet` answers its request at once.
"""

from __future__ import annotations

import ctypes
import signal
import threading
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from simplicity_sweep.fused.ambient import Ambient, capture_all, surroundings
from simplicity_sweep.fused.openmp import release_workers

Result = TypeVar("Result")
Request = TypeVar("Request")
Answer = TypeVar("Answer")

Desk = Callable[[Sequence[Request]], Sequence[Answer | BaseException]]
"""Answers requests: one answer each, in their order. One that is an exception is raised where it was asked."""


class Abandoned(BaseException):
    """Raised in a function whose meeting has been called off (Ctrl-C), so that it can clean up and end."""


_PATIENCE = 10.0  # seconds for a function to end once it is told to; code that caught `Abandoned` is told again


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
        whether a function raised it or it reached the calling thread: each function, running or parked, gets
        `Abandoned`, and when they have ended it is raised here. While they end, a second Ctrl-C ends the process.
        """
        guests = [_Guest(function) for function in functions]
        try:
            for guest in guests:
                self._wake(guest)
            while parked := [guest for guest in guests if not guest.ended]:
                self._answer(parked)
                for guest in parked:
                    self._wake(guest)
        except BaseException as error:
            self._abandoned = True
            with _deadly_interrupts(error):
                for guest in guests:
                    if guest.thread is not None and not guest.ended:
                        self._let_run(guest)
            raise
        return [guest.outcome for guest in guests]  # type: ignore[misc]

    def _answer(self, parked: Sequence[_Guest[Any]]) -> None:
        """Gives each its answer, those together that have come to one desk with the same surroundings."""
        deciding = [ambient for ambient in self._ambients if getattr(ambient, "decides_answers", False)]
        visitors: dict[Hashable, list[_Guest[Any]]] = {}
        for guest in parked:
            visitors.setdefault((id(guest.desk), *self._states(guest, deciding)), []).append(guest)
        for guests in visitors.values():
            desk = guests[0].desk
            assert desk is not None
            with surroundings(deciding, self._states(guests[0], deciding)):
                answers = desk([guest.request for guest in guests])
            for guest, answer in zip(guests, answers, strict=True):
                guest.answer = answer

    def _states(self, guest: _Guest[Any], chosen: Sequence[Ambient]) -> list[Any]:
        assert guest.state is not None
        return [state for ambient, state in zip(self._ambients, guest.state, strict=True) if ambient in chosen]

    def _wake(self, guest: _Guest[Any]) -> None:
        """Lets one function run; raises what ends all of them."""
        self._let_run(guest)
        if isinstance(guest.outcome, BaseException) and not isinstance(guest.outcome, Exception | Abandoned):
            raise guest.outcome

    def _let_run(self, guest: _Guest[Any]) -> None:
        """Lets one function run until it parks or ends, in its own surroundings."""
        with surroundings(self._ambients, guest.state):
            self._returned.clear()
            try:
                if guest.thread is None:
                    guest.thread = threading.Thread(target=self._body, args=(guest,), daemon=True)
                    guest.thread.start()
                else:
                    guest.awake.set()
                self._returned.wait()
            except BaseException as error:
                self._abandoned = True
                with _deadly_interrupts(error):
                    self._tell(guest)
                raise
            finally:
                guest.state = None if guest.ended else capture_all(self._ambients)

    def _tell(self, guest: _Guest[Any]) -> None:
        """Has the running function raise `Abandoned` at its next line, and waits until it has ended."""
        assert guest.thread is not None
        number = guest.thread.ident or 0
        while guest.thread.is_alive() and not self._returned.is_set():
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(number), ctypes.py_object(Abandoned))
            self._returned.wait(_PATIENCE)
        guest.ended |= not guest.thread.is_alive()

    def _body(self, guest: _Guest[Any]) -> None:
        _local.meeting, _local.guest = self, guest
        try:
            guest.outcome = guest.function()
        except BaseException as error:
            guest.outcome = error
        finally:
            guest.ended = True
            self._returned.set()

    def _park(self, request: Any, desk: Desk[Any, Any]) -> Any:
        guest: _Guest[Any] = _local.guest
        guest.request = request
        guest.desk = self._desks.get(type(request), desk)
        guest.awake.clear()
        release_workers()
        self._returned.set()
        guest.awake.wait()
        if self._abandoned:
            raise Abandoned
        answer, guest.answer, guest.request = guest.answer, None, None
        return answer


@contextmanager
def _deadly_interrupts(error: BaseException) -> Iterator[None]:
    """Once Ctrl-C was heard, the block may be cut short by another one, which ends the process at once."""
    main = threading.current_thread() is threading.main_thread()
    if not main or not isinstance(error, KeyboardInterrupt):
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
