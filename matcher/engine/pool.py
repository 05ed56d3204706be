"""The workers that detect, shared by all sources of a process: each source gets its turn."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self


class Pool:
    """Threads that run jobs. Sources that wait are served in turn, one job each, however many jobs each has waiting.

    A context manager: leaving it lets the running jobs end and cancels those that wait.
    """

    def __init__(self, workers: int) -> None:
        """Make `workers` threads."""
        self._waiting: dict[Hashable, deque[tuple[Future, Callable[[], Any]]]] = {}
        self._changed = threading.Condition()
        self._stopped = False
        names = (f"asworn-detect-{i}" for i in range(max(workers, 1)))
        self._threads = [threading.Thread(target=self._work, name=name, daemon=True) for name in names]

    @property
    def workers(self) -> int:
        """How many jobs run at the same time."""
        return len(self._threads)

    def submit(self, source: Hashable, job: Callable[[], Any]) -> Future:
        """Let a job of a source be run; its result, or what it raises, is in the future."""
        future: Future = Future()
        with self._changed:
            if self._stopped:
                future.cancel()
            else:
                # A source that had nothing waiting goes to the end of the row.
                self._waiting.setdefault(source, deque()).append((future, job))
                self._changed.notify()
        return future

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._stopped = True
            left = [future for jobs in self._waiting.values() for future, _ in jobs]
            self._waiting.clear()
            self._changed.notify_all()
        for future in left:
            future.cancel()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (taken := self._take()) is not None:
            future, job = taken
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = job()
            except BaseException as error:  # it belongs to whoever asked
                future.set_exception(error)
            else:
                future.set_result(result)

    def _take(self) -> tuple[Future, Callable[[], Any]] | None:
        """The next job: of the source that was served least recently. None when the pool ends."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopped)
            if self._stopped:
                return None
            source = next(iter(self._waiting))
            jobs = self._waiting.pop(source)
            job = jobs.popleft()
            if jobs:
                self._waiting[source] = jobs
            return job
