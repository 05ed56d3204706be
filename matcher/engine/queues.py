"""Queues between the threads of a run: bounded, and stopped from either side without a thread left waiting."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from queue import Full, Queue
from time import perf_counter
from typing import Generic, TypeVar

T = TypeVar("T")
_POLL_S = 0.1


class Prefetch(Generic[T]):
    """Iterates over items that another thread fetches ahead; what that thread raises is raised here."""

    _END = object()

    def __init__(self, items: Iterable[T], ahead: int) -> None:
        """Fetch `ahead` items at most."""
        self._items = items
        self._queue: Queue = Queue(max(ahead, 1))
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._fetch, name="asworn-decode", daemon=True)

    def __enter__(self) -> Prefetch[T]:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # The thread may be waiting for room in the queue: it looks at the flag while it waits.
        self._stop.set()
        self._thread.join()

    def __iter__(self) -> Iterator[T]:
        while (item := self._queue.get()) is not self._END:
            yield item
        if self._error is not None:
            raise self._error

    def _fetch(self) -> None:
        try:
            for item in self._items:
                if not self._put(item):
                    return
        except BaseException as error:  # raised again in the thread that iterates
            self._error = error
        self._put(self._END)

    def _put(self, item: object) -> bool:
        while not self._stop.is_set():
            try:
                self._queue.put(item, timeout=_POLL_S)
                return True
            except Full:
                continue
        return False


class Latest(Generic[T]):
    """The same for a source that does not wait: where too many items are not yet taken, the oldest is dropped.

    Iterating gives None whenever `poke` was called, so that the taker can look after other things, and ends when the
    source ends or `stop` was called.

    Attributes:
        dropped: items that nobody took in time.
    """

    def __init__(
        self,
        items: Iterable[T],
        most: int,
        counted: Callable[[T], bool] = lambda item: True,
        other: Callable[[T], None] = lambda item: None,
    ) -> None:
        """Hold items.

        Args:
            items: what another thread fetches.
            most: so many are kept at most, of those that are counted.
            counted: whether an item is one of those; others, few and small, are never dropped.
            other: called, in that thread, with each that is not counted, before it waits with the rest.
        """
        self._items, self._most, self._counted, self._other = items, max(most, 1), counted, other
        self._waiting: deque[tuple[T, float]] = deque()
        self._changed = threading.Condition()
        self._ended = self._poked = False
        self._error: BaseException | None = None
        self.dropped = 0
        self.waited_ms = 0.0  # how long the item that was given last had been here
        self._thread = threading.Thread(target=self._fetch, name="asworn-live-decode", daemon=True)

    def __enter__(self) -> Latest[T]:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._thread.join()

    def __iter__(self) -> Iterator[T | None]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ended or self._poked)
                item = self._waiting.popleft() if self._waiting else None
                poked, self._poked = self._poked, False
            if item is not None:
                self.waited_ms = 1e3 * (perf_counter() - item[1])
                yield item[0]
            elif poked:
                yield None
            else:
                break
        if self._error is not None:
            raise self._error

    def poke(self, *_: object) -> None:
        """Make the iteration go round once, with None where no item is there; called from any thread."""
        with self._changed:
            self._poked = True
            self._changed.notify()

    def stop(self) -> None:
        """Take no more from the source; the items that wait are still given."""
        with self._changed:
            self._ended = True
            self._changed.notify()

    def _fetch(self) -> None:
        try:
            for item in self._items:
                if not self._counted(item):
                    self._other(item)
                if not self._put(item):
                    return
        except BaseException as error:  # raised again in the thread that iterates
            self._error = error
        self.stop()

    def _put(self, item: T) -> bool:
        with self._changed:
            if self._ended:
                return False
            if self._counted(item):
                self._make_room()
            self._waiting.append((item, perf_counter()))
            self._changed.notify()
        return True

    def _make_room(self) -> None:
        places = [i for i, (item, _) in enumerate(self._waiting) if self._counted(item)]
        if len(places) >= self._most:
            del self._waiting[places[0]]
            self.dropped += 1
