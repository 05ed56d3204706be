"""The thread that feeds the sinks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, Full, Queue

from matcher.sinks.base import Sink
from matcher.types import Frame, Garments
from matcher.video.health import Health, SeesHealth

Result = tuple[Frame, Garments] | Health
_POLL_S = 0.1


class Writer:
    """Feeds the sinks in a thread of its own; what a sink raises is raised from the next `put` or from `drain`."""

    def __init__(self, sinks: Sequence[Sink], ahead: int, failed: Callable[[], None] | None = None) -> None:
        """Let `ahead` results wait at most; `failed` is called in the thread when a sink raised."""
        self._sinks, self._failed = sinks, failed
        self._queue: Queue[Result] = Queue(max(ahead, 1))
        self._putting = threading.Lock()
        self._cleared = 0  # how often what was found before became void
        self._done, self._stop, self._room = threading.Event(), threading.Event(), threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="asworn-write", daemon=True)

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def put(self, result: Result, cleared: int | None = None) -> bool:
        """Hand over one result, or how its source does now; waits while the sinks are behind.

        Args:
            result: what the sinks are told.
            cleared: how often `clear` had been called when its frame came; after another call the result is void.

        Returns:
            Whether it was still wanted.
        """
        while self._error is None:
            with self._putting:
                if cleared is not None and cleared != self._cleared:
                    return False
                with suppress(Full):
                    self._queue.put_nowait(result)
                    return True
            self._room.wait(_POLL_S)
            self._room.clear()
        raise self._error

    def clear(self, health: Health) -> None:
        """Forget what waits to be told and tell this at once; never waits. Called from any thread."""
        with self._putting:
            self._cleared += 1
            with suppress(Empty):
                while True:
                    self._queue.get_nowait()
            self._queue.put_nowait(health)

    def drain(self) -> None:
        """Wait until all results are written."""
        self._done.set()
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        try:
            while not self._stop.is_set():
                try:
                    result = self._queue.get(timeout=_POLL_S)
                    self._room.set()
                except Empty:
                    if self._done.is_set():
                        return
                    continue
                self._tell(result)
        except BaseException as error:  # raised again in the thread that puts
            self._error = error
            if self._failed is not None:
                self._failed()

    def _tell(self, result: Result) -> None:
        for sink in self._sinks:
            if not isinstance(result, Health):
                sink.write(*result)
            elif isinstance(sink, SeesHealth):
                sink.health(result)
