"""Steps members together, in blocks, a worker thread a core."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise

import torch

from simplicity_sweep.fused.block import Block
from simplicity_sweep.fused.member import Member, StepLog, Work
from simplicity_sweep.fused.rehearsal import in_words
from simplicity_sweep.fused.signature import shape
from simplicity_sweep.fused.verdict import examine
from simplicity_sweep.memory import is_out_of_memory

# More members a block share the cost of calling each operation; fewer keep the block's tensors in the core's cache.
_MEMBERS_A_BLOCK = 4
_Task = Callable[[threading.Event], list[StepLog]]


class Group:
    """Members that one program can step; each gets the bits that it would get alone, where that can be.

    A member that cannot be stacked is left as it is, and its log says why. So is one that has been found to differ.

    Args:
        members: one or more. They must not be changed between two calls of `steps`, but for the values of parameters,
            buffers, hyper-parameters and the optimisers' state.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        if not members:
            raise ValueError("Expected argument `members` to hold at least one, but got none.")
        self._members = list(members)
        self._apart: dict[int, str] = {}
        self._blocks: list[tuple[list[int], Block]] = []
        self._placed = False
        self._threads = torch.get_num_threads()

    def steps(self, works: Sequence[Work]) -> list[StepLog]:
        """What each member's steps logged; modules and optimisers are then as if each had made them alone.

        Args:
            works: one a member, all of the same number of batches of the same size.

        Raises:
            ValueError: if the works do not fit the members or one another.
            Exception: if there is no memory for the members; none of them has been changed then.
        """
        self._validate(works)
        if not works[0].steps:
            return [StepLog(torch.zeros(0)) for _ in works]
        with _one_thread_an_operation():
            if self._placed:
                self._prepare(works)
            else:
                self._place(works)
            logs = {k: StepLog(torch.zeros(0), alone=reason) for k, reason in self._apart.items()}
            tasks = [_block_task(block, [works[k] for k in own]) for own, block in self._blocks]
            workers = max(1, min(self._threads, len(tasks)))
            for (own, _), done in zip(self._blocks, _in_workers(tasks, workers), strict=True):
                logs.update(zip(own, done, strict=True))
        return [logs[k] for k in range(len(works))]

    def _validate(self, works: Sequence[Work]) -> None:
        if len(works) != len(self._members):
            raise ValueError(
                f"Expected argument `works` to hold one for each of {len(self._members)} members, but got {len(works)}."
            )
        shapes = {shape(work) for work in works}
        if len(shapes) > 1:
            raise ValueError(f"Expected works of one shape, but got {len(shapes)}. Make a Group for each.")

    def _place(self, works: Sequence[Work]) -> None:
        """Decides who is stacked with whom, and who goes apart."""
        verdicts = [examine(member, work) for member, work in zip(self._members, works, strict=True)]
        self._apart = {k: verdict.reason for k, verdict in enumerate(verdicts) if verdict.reason is not None}
        keys = {verdict.key for verdict in verdicts if verdict.reason is None}
        if len(keys) > 1:
            raise ValueError(f"Expected members with one signature, but got {len(keys)}. Make a Group for each.")
        self._make_blocks(works)
        while wrong := self._wrong(works):
            self._apart.update(wrong)
            self._make_blocks(works)
        self._placed = True

    def _wrong(self, works: Sequence[Work]) -> dict[int, str]:
        """The stacked members that the stacked program does not serve well, and why."""
        found = {}
        for own, block in self._blocks:
            problems = block.check([works[k] for k in own])
            found.update({k: text for k, text in zip(own, problems, strict=True) if text})
        return found

    def _make_blocks(self, works: Sequence[Work]) -> None:
        stacked = [k for k in range(len(self._members)) if k not in self._apart]
        parts = [stacked] if works[0].where.type != "cpu" else _split(stacked, self._threads)
        self._blocks = [(own, Block([self._members[k] for k in own])) for own in parts if own]
        self._prepare(works)

    def _prepare(self, works: Sequence[Work]) -> None:
        """Traces what has not been traced; where that fails, all members go apart: their steps are all alike."""
        try:
            for own, block in self._blocks:
                block.prepare([works[k] for k in own])
        except Exception as error:
            if is_out_of_memory(error):
                raise
            self._apart.update({k: in_words(error) for own, _ in self._blocks for k in own})
            self._blocks = []


def _split(members: Sequence[int], cores: int) -> list[list[int]]:
    """Blocks of about equal size, as many as keep every core busy."""
    blocks = -(-len(members) // _MEMBERS_A_BLOCK)
    if len(members) >= cores:
        blocks = -(-blocks // cores) * cores
    blocks = min(blocks, len(members))
    cuts = [i * len(members) // blocks for i in range(blocks + 1)] if blocks else [0]
    return [list(members[a:b]) for a, b in pairwise(cuts)]


def _block_task(block: Block, works: Sequence[Work]) -> _Task:
    return lambda stop: block.run(works, stop)


def _in_workers(tasks: Sequence[_Task], workers: int) -> list[list[StepLog]]:
    """What the tasks return, each run in a worker thread.

    An interrupt reaches the calling thread, which then lets every worker end the step that it is in.
    """
    stop = threading.Event()
    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(task, stop) for task in tasks]
        try:
            return [future.result() for future in futures]
        finally:
            stop.set()


@contextmanager
def _one_thread_an_operation() -> Iterator[None]:
    """The workers share out the cores; an operation over more threads waits for them, and sums in another order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
