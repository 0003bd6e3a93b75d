# SPDX-License-Identifier: EUPL-1.2
"""Work spread over two processes, in order, with a bounded number of tasks under way."""

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Final, TypeVar

WORKERS: Final = 2  # processes; the reading side of one disk gains little from more
AHEAD: Final = 2  # tasks a process that may wait, so that memory stays bounded

Task = TypeVar("Task")
Result = TypeVar("Result")


def spread(
    tasks: Iterable[Task],
    work: Callable[[Task], Result],
    *,
    prepare: Callable[..., None],
    arguments: tuple[object, ...],
) -> Iterator[Result]:
    """Yield each task's result, in the order of the tasks, worked in processes of their own.

    `tasks` is drawn from while others are worked, so that fetching and opening overlap. Functions
    must be importable by name; `prepare(*arguments)` runs once in each process.
    """
    pool = ProcessPoolExecutor(
        WORKERS,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(prepare, arguments),
    )
    pending: deque[Future[Result]] = deque()
    try:
        for task in tasks:
            pending.append(pool.submit(work, task))
            while pending and (pending[0].done() or len(pending) >= WORKERS * AHEAD):
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(prepare: Callable[..., None], arguments: tuple[object, ...]) -> None:
    """Prepare a process; Ctrl-C reaches all of a terminal's, and the first of them ends these."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    prepare(*arguments)


def in_turn(
    tasks: Iterable[Task],
    work: Callable[[Task], Result],
    *,
    prepare: Callable[..., None],
    arguments: tuple[object, ...],
) -> Iterator[Result]:
    """Yield each task's result, worked in this process: for what is too little to spread."""
    prepare(*arguments)
    for task in tasks:
        yield work(task)
