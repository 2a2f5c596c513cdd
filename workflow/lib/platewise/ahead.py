"""Doing the next piece of reading while this one is worked on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def run_ahead(
    function: Callable[[Item], Result], items: Iterable[Item], depth: int = 1
) -> Iterator[tuple[Item, Future[Result]]]:
    """Call ``function`` on one item after the other in a thread, ahead of the caller.

    Parameters
    ----------
    function
        Reads; while it waits for the disk, the caller computes.
    items
        Taken one by one, in order.
    depth
        Items that are begun at most before the caller has taken theirs. It bounds what is held.

    Yields
    ------
    item, future
        In order. ``future.result()`` waits, returns what ``function`` returned, or raises what it raised.
    """
    pool = ThreadPoolExecutor(max_workers=1)
    waiting: deque[tuple[Item, Future[Result]]] = deque()
    try:
        for item in items:
            waiting.append((item, pool.submit(function, item)))
            if len(waiting) > depth:
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()
    finally:
        # A caller who leaves early waits for what is being read, and nothing more is begun.
        for _, future in waiting:
            future.cancel()
        pool.shutdown()
