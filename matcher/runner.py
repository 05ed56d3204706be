"""Runs a pipeline over a whole video: decoding, detecting, matching and writing overlap, and end together."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from queue import Empty, Full, Queue
from time import perf_counter
from typing import Any, Generic, Protocol, TypeVar

from matcher.sinks.base import Sink
from matcher.types import Frame, Garments

T = TypeVar("T")

AHEAD = 8  # frames decoded, and results not yet written, at most
_POLL_S = 0.1


class _Pipeline(Protocol):
    """The part of `Pipeline` that is used here."""

    def detect(self, frame: Frame) -> Any: ...

    def follow(self, frame: Frame, found: Any) -> Garments: ...

    def finish(self) -> None: ...


@dataclass(frozen=True)
class Progress:
    """How far a run is: frames done, seconds of video reached, frames per second so far."""

    frames: int
    time_s: float
    rate: float


@dataclass(frozen=True)
class Summary:
    """What a run did: frames, and wall seconds without start-up."""

    frames: int
    wall_s: float

    @property
    def fps(self) -> float:
        """Frames per second of wall time."""
        return self.frames / self.wall_s if self.wall_s else 0.0


def run(
    source: Iterable[Frame],
    sinks: Sequence[Sink],
    pipeline: _Pipeline,
    progress: Callable[[Progress], None] | None = None,
    start_s: float | None = None,
    end_s: float | None = None,
    at_once: int = 1,
    ahead: int = AHEAD,
) -> Summary:
    """Send every frame of a source through a pipeline into sinks.

    The sinks are entered and closed here: with success when all went well, else so that they drop their results.
    Whatever fails, in decoding, matching or writing, stops the other parts and is raised from here; so is Ctrl-C.

    Args:
        source: frames in order of time.
        sinks: take each frame and its garments, in order.
        pipeline: `detect`s frames, side by side where `at_once` is above 1, `follow`s them in order in this thread,
            and is then `finish`ed.
        progress: called after each frame, in this thread.
        start_s: leave out frames before this time in seconds.
        end_s: stop at this time.
        at_once: how many frames are detected at the same time.
        ahead: frames that may wait between two parts.

    Returns:
        How many frames there were and how long it took, sinks' closing included.
    """
    with ExitStack() as stack:
        for sink in sinks:
            stack.enter_context(sink)
        count, began = 0, perf_counter()
        with (
            _Prefetch(_between(source, start_s, end_s), ahead) as frames,
            _Writer(sinks, ahead) as writer,
            closing(_matched(frames, pipeline, at_once)) as results,
        ):
            for frame, garments in results:
                writer.put((frame, garments))
                count += 1
                if progress is not None:
                    progress(Progress(count, frame.time, count / max(perf_counter() - began, 1e-9)))
            pipeline.finish()
            writer.drain()
    return Summary(count, perf_counter() - began)


def _matched(
    frames: Iterable[Frame], pipeline: _Pipeline, at_once: int
) -> Generator[tuple[Frame, Garments], None, None]:
    """Frames in order with their garments, `at_once` of them being detected meanwhile."""
    if at_once <= 1:
        for frame in frames:
            yield frame, pipeline.follow(frame, pipeline.detect(frame))
        return
    with ThreadPoolExecutor(at_once, "asworn-detect") as pool:
        waiting: deque[tuple[Frame, Future]] = deque()
        for frame in frames:
            waiting.append((frame, pool.submit(pipeline.detect, frame)))
            if len(waiting) > at_once:  # one more than there are threads, so that none waits for this one
                yield _next(waiting, pipeline)
        while waiting:
            yield _next(waiting, pipeline)


def _next(waiting: deque[tuple[Frame, Future]], pipeline: _Pipeline) -> tuple[Frame, Garments]:
    frame, found = waiting.popleft()
    return frame, pipeline.follow(frame, found.result())


def _between(source: Iterable[Frame], start_s: float | None, end_s: float | None) -> Iterator[Frame]:
    for frame in source:
        if end_s is not None and frame.timestamp >= end_s:
            return
        if start_s is None or frame.timestamp >= start_s:
            yield frame


class _Prefetch(Generic[T]):
    """Iterates over items that another thread fetches ahead; what that thread raises is raised here."""

    _END = object()

    def __init__(self, items: Iterable[T], ahead: int) -> None:
        self._items = items
        self._queue: Queue = Queue(max(ahead, 1))
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._fetch, name="asworn-decode", daemon=True)

    def __enter__(self) -> _Prefetch[T]:
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


class _Writer:
    """Feeds the sinks in a thread of its own; what a sink raises is raised from the next `put` or from `drain`."""

    def __init__(self, sinks: Sequence[Sink], ahead: int) -> None:
        self._sinks = sinks
        self._queue: Queue[tuple[Frame, Garments]] = Queue(max(ahead, 1))
        self._done, self._stop = threading.Event(), threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="asworn-write", daemon=True)

    def __enter__(self) -> _Writer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def put(self, result: tuple[Frame, Garments]) -> None:
        """Hand over one result; waits while the sinks are behind."""
        while self._error is None:
            try:
                return self._queue.put(result, timeout=_POLL_S)
            except Full:
                continue
        raise self._error

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
                    frame, garments = self._queue.get(timeout=_POLL_S)
                except Empty:
                    if self._done.is_set():
                        return
                    continue
                for sink in self._sinks:
                    sink.write(frame, garments)
        except BaseException as error:  # raised again in the thread that puts
            self._error = error
