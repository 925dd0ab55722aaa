"""Work on the cores at hand, in a fixed order and in bounded memory."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST_THREADS = 8
"""Each thread holds a few blocks of positions; beyond this the memory grows and the disk does not get faster."""


def n_threads() -> int:
    """Return how many threads are worth starting: the cores that this process may use, eight at most."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST_THREADS)


def map_in_threads(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int | None = None
) -> Iterator[Result]:
    """Yield ``function`` of each item in the order of the items, whatever the number of threads.

    Only a few results wait at a time, so that the memory is that of the threads. Threads help where the function spends
    its time outside the interpreter, in compiled loops or transforms; a single item is worked on without any.

    :param workers: threads; those of :func:`n_threads` when not given.
    """
    todo = list(items)
    count = min(n_threads() if workers is None else workers, len(todo))
    if count <= 1:
        yield from map(function, todo)
        return
    with ThreadPoolExecutor(count) as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            for item in todo:
                waiting.append(pool.submit(function, item))
                if len(waiting) > count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
