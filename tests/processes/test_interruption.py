"""SIGTERM in the sweep's process."""

from __future__ import annotations

import os
import signal
import time

import pytest

from simplicity_sweep.processes.interruption import Interruption


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(5)  # the handler runs within it, and raises


def test_sigterm_is_ctrl_c_with_less_patience_and_afterwards_what_it_was():
    before = signal.getsignal(signal.SIGTERM)
    with Interruption() as interruption:
        patient = interruption.patience
        with pytest.raises(KeyboardInterrupt):
            terminate()
        assert interruption.patience < 5 < patient
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_handler_that_was_there_before_decides_what_is_raised():
    def leave(number, frame):
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        with Interruption() as interruption, pytest.raises(SystemExit, match="143"):
            terminate()
        assert interruption.patience < 5
        assert signal.getsignal(signal.SIGTERM) is leave
    finally:
        signal.signal(signal.SIGTERM, before)
