"""The same work on many things, on several cores, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")
_AHEAD = 3  # for each worker; more would only hold memory


def ordered(work: Callable[[A], B], things: Iterable[A], workers: int) -> Iterator[B]:
    """The results of some work in the order of the things, while threads are a few things ahead.

    Threads serve here because OpenCV, ONNX Runtime and torch let go of Python's lock while they compute.

    Args:
        work: may run in several threads at once; what it raises is raised here.
        things: taken one by one.
        workers: threads.
    """
    waiting: deque[Future[B]] = deque()
    pool = ThreadPoolExecutor(workers, "benchmark")
    try:
        for thing in things:
            waiting.append(pool.submit(work, thing))
            if len(waiting) > _AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
