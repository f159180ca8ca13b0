"""Functions that meet: one runs at a time, each in its own surroundings."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import pytest
import torch

from simplicity_sweep.fused import rendezvous
from simplicity_sweep.fused.ambient import process_ambients
from simplicity_sweep.fused.rendezvous import Abandoned, Meeting, in_meeting, meet


def double(requests):
    return [2 * request for request in requests]


class Counting:
    """Answers with the number of requests that came together."""

    def __init__(self):
        self.sizes = []

    def __call__(self, requests):
        self.sizes.append(len(requests))
        return [len(requests)] * len(requests)


def test_alone_a_request_is_answered_at_once():
    assert meet(21, double) == 42
    assert not in_meeting()


def test_requests_are_answered_together_and_each_gets_its_own():
    desk = Counting()
    functions = [lambda k=k: (k, meet(k, desk), meet(k, desk)) for k in range(5)]
    assert Meeting({}, []).run(functions) == [(k, 5, 5) for k in range(5)]
    assert desk.sizes == [5, 5]
    assert Meeting({}, []).run([lambda k=k: meet(k, double) for k in range(4)]) == [0, 2, 4, 6]


def test_a_meetings_own_desk_answers_requests_of_its_kind():
    functions = [lambda: meet(1, double), lambda: meet("x", double)]
    assert Meeting({str: lambda requests: ["own"] * len(requests)}, []).run(functions) == [2, "own"]


def test_requests_are_answered_in_the_thread_that_holds_the_meeting():
    def desk(requests):
        return [threading.current_thread()] * len(requests)

    assert Meeting({}, []).run([lambda: meet(1, desk)] * 3) == [threading.current_thread()] * 3


def test_a_function_that_ends_early_leaves_the_others():
    desk = Counting()

    def asks(times):
        return [meet(None, desk) for _ in range(times)]

    outcomes = Meeting({}, []).run([lambda t=t: asks(t) for t in (0, 1, 3)])
    assert outcomes == [[], [2], [2, 1, 1]]


def test_an_exception_ends_its_own_function_only():
    def fails():
        meet(1, double)
        raise ValueError("mine")

    first, second = Meeting({}, []).run([fails, lambda: meet(3, double)])
    assert isinstance(first, ValueError)
    assert second == 6


def test_an_answer_that_is_an_exception_is_raised_where_it_was_asked():
    def desk(requests):
        return [KeyError(request) if request == 1 else request for request in requests]

    def asks(request):
        try:
            return meet(request, desk)
        except KeyError:
            return "caught"

    assert Meeting({}, []).run([lambda k=k: asks(k) for k in range(3)]) == [0, "caught", 2]


def test_only_one_function_runs_at_a_time():
    running, most = 0, 0
    lock = threading.Lock()

    def works(k):
        nonlocal running, most
        for _ in range(20):
            with lock:
                running += 1
                most = max(most, running)
            with lock:
                running -= 1
            meet(k, double)

    Meeting({}, []).run([lambda k=k: works(k) for k in range(8)])
    assert most == 1


def test_an_interruption_ends_every_parked_function_and_is_raised():
    ended = []

    def waits(k):
        try:
            meet(k, double)
        except Abandoned:
            ended.append(k)
            raise

    def interrupted(requests):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Meeting({int: interrupted}, []).run([lambda k=k: waits(k) for k in range(4)])
    assert ended == [0, 1, 2, 3]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_an_interruption_inside_a_function_ends_the_others_too(interruption):
    ended = []

    def waits():
        try:
            meet(0, double)
        except Abandoned:
            ended.append("waiting")
            raise

    def interrupts():
        raise interruption

    with pytest.raises(interruption):
        Meeting({}, []).run([waits, interrupts, waits])
    assert ended == ["waiting"]


def goes_on(heard, times=1):
    """Sends Ctrl-C, then works on until it has been told `times` times to end; writes down that it was."""
    os.kill(os.getpid(), signal.SIGINT)
    for _ in range(times):
        try:
            for _ in range(4000):
                time.sleep(0.005)
        except Abandoned:
            heard.append("running")
    raise Abandoned


def test_an_interruption_ends_the_function_that_runs():
    heard = []

    def waits():
        try:
            meet(0, double)
        except Abandoned:
            heard.append("waiting")
            raise

    with pytest.raises(KeyboardInterrupt):
        Meeting({}, process_ambients()).run([waits, lambda: goes_on(heard), waits])
    assert heard == ["running", "waiting"]


def test_a_function_that_does_not_hear_is_told_again(monkeypatch):
    monkeypatch.setattr(rendezvous, "_PATIENCE", 0.05)
    heard = []
    with pytest.raises(KeyboardInterrupt):
        Meeting({}, []).run([lambda: goes_on(heard, times=3)])
    assert heard == ["running"] * 3


def test_while_functions_end_a_second_interruption_ends_the_process():
    handlers = []

    def cleans_up():
        try:
            goes_on([])
        finally:
            handlers.append(signal.getsignal(signal.SIGINT))

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        Meeting({}, []).run([cleans_up])
    assert handlers == [signal.SIG_DFL]
    assert signal.getsignal(signal.SIGINT) == before


@pytest.mark.skipif(sys.platform != "linux", reason="counts the threads of the process in /proc")
def test_a_function_that_waits_keeps_no_workers_of_torch():
    def threads():
        return len(os.listdir("/proc/self/task"))  # noqa: PTH208 - names are counted only

    def multiplies():
        torch.set_num_threads(2)
        torch.ones(512, 512) @ torch.ones(512, 512)
        return meet(0, counts)

    def counts(requests):
        for _ in range(400):  # a thread that ends is seen for a moment more
            if threads() <= before + len(requests):
                break
            time.sleep(0.005)
        return [threads() - before] * len(requests)

    before = threads()
    assert Meeting({}, process_ambients()).run([multiplies] * 4) == [4] * 4


def test_a_thousand_functions_can_wait():
    outcomes = Meeting({}, []).run([lambda k=k: meet(k, double) for k in range(1000)])
    assert outcomes == [2 * k for k in range(1000)]
