"""How processes end."""

import signal
import subprocess
import sys
import threading

import pytest

from simplicity_sweep.termination import Terminated, interruptions_held, terminated_like_interrupted


def test_a_process_does_not_search_for_garbage_at_its_end():
    code = (
        "import atexit, gc\n"
        "atexit.register(lambda: print(gc.get_freeze_count() > 1000, len(gc.get_objects())))\n"
        "import simplicity_sweep.termination"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    frozen, searched = printed.split()
    assert frozen == "True"
    assert int(searched) < 100


@pytest.mark.parametrize(("number", "heard"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)])
def test_a_signal_that_is_held_is_heard_at_the_end_of_the_block(number, heard):
    done = []
    with pytest.raises(KeyboardInterrupt) as raised, terminated_like_interrupted(), interruptions_held():  # noqa: PT012
        signal.raise_signal(number)
        signal.raise_signal(number)
        done.append("whole")
    assert (type(raised.value), done) == (heard, ["whole"])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_another_thread_holds_nothing():
    handlers = []

    def work():
        with interruptions_held():
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert handlers == [signal.default_int_handler]
