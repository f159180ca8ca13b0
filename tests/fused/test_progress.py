"""The one line that shows how runs that train together are getting on."""

from __future__ import annotations

import io
import logging
import sys
from types import SimpleNamespace

import pytest
import torch
from rich.console import Console

from simplicity_sweep.fused.member import Member, StepLog
from simplicity_sweep.fused.progress import GroupProgress

ERASE_LINE = "\x1b[2K"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def requests(count):
    modules = [torch.nn.Linear(1, 1) for _ in range(count)]
    return [SimpleNamespace(member=Member(module, torch.optim.SGD(module.parameters()))) for module in modules]


def shown(progress):
    """The line's words, without the bar and the time."""
    task = progress._bar.tasks[0]
    return f"{task.completed:.0f}/{task.total:.0f} epochs, {task.fields['diverged']} diverged"


@pytest.fixture
def progress():
    with GroupProgress(Console(file=Terminal(), force_terminal=True)) as started:
        yield started


def test_an_answer_is_an_epoch_of_its_run(progress):
    for _ in range(2):
        progress.expect(3)
    losses = torch.ones(4)
    desk = progress.watching(lambda asked: [StepLog(losses) for _ in asked])
    assert [log.losses is losses for log in desk(requests(2))] == [True, True]
    assert shown(progress) == "2/6 epochs, 0 diverged"


@pytest.mark.parametrize("bad", [float("inf"), float("nan")])
def test_a_run_that_diverged_in_any_step_is_counted_once_and_for_good(progress, bad):
    two = requests(2)
    rounds = [torch.ones(3), torch.tensor([1.0, bad, 1.0]), torch.ones(3), torch.tensor([bad, bad, bad])]
    counts = []
    for losses in rounds:
        progress.watching(lambda asked, losses=losses: [StepLog(torch.ones(3)), StepLog(losses)])(two)
        counts.append(progress._bar.tasks[0].fields["diverged"])
    assert counts == [0, 1, 1, 1]


def test_a_run_that_diverged_is_remembered_after_it_has_ended(progress):
    progress.watching(lambda asked: [StepLog(torch.tensor([float("nan")]))])(requests(1))
    progress.watching(lambda asked: [StepLog(torch.ones(1))])(requests(1))
    assert shown(progress).endswith("1 diverged")


def test_a_run_whose_steps_raised_is_not_an_epoch(progress):
    progress.expect(3)
    answers = progress.watching(lambda asked: [ValueError("its own")])(requests(1))
    assert isinstance(answers[0], ValueError)
    assert shown(progress) == "0/3 epochs, 0 diverged"


def test_a_run_that_is_not_stacked_has_made_no_step_yet(progress):
    progress.expect(3)
    progress.watching(lambda asked: [StepLog(torch.zeros(0), alone="it branches")])(requests(1))
    assert shown(progress) == "0/3 epochs, 0 diverged"


def logged_meanwhile(monkeypatch, terminal, stdout):
    """Logs one line to standard output while a bar is shown on `terminal`."""
    monkeypatch.setattr(sys, "stdout", stdout)
    handler = logging.StreamHandler(stdout)
    monkeypatch.setattr(logging.root, "handlers", [handler])
    with GroupProgress(Console(file=terminal, force_terminal=True)):
        logging.getLogger("a.job").warning("something happened")
    assert handler.stream is stdout


def test_what_is_logged_stands_on_lines_of_its_own(monkeypatch):
    terminal = Terminal()
    logged_meanwhile(monkeypatch, terminal, stdout=terminal)
    before, _, after = terminal.getvalue().partition("something happened")
    assert before.endswith(ERASE_LINE)
    assert after.startswith("\n")


def test_what_is_logged_to_a_file_goes_there_still(monkeypatch):
    terminal, file = Terminal(), io.StringIO()
    logged_meanwhile(monkeypatch, terminal, stdout=file)
    assert file.getvalue() == "something happened\n"
    assert "something" not in terminal.getvalue()


def test_without_a_terminal_nothing_is_drawn():
    output = io.StringIO()
    with GroupProgress(Console(file=output)) as started:
        started.expect(3)
        started.watching(lambda asked: [StepLog(torch.ones(1))])(requests(1))
    assert output.getvalue() == ""
