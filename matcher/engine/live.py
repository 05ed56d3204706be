"""Live sources: frames do not wait, several sources share one set of models, and the latest result is shown."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from time import perf_counter
from types import TracebackType
from typing import Any, Self

from matcher.clock import LONGEST
from matcher.engine.matching import Stages, matched
from matcher.engine.pool import Pool
from matcher.engine.queues import Latest, Writer
from matcher.engine.schedule import Schedule
from matcher.sinks.base import Sink
from matcher.types import Frame, Garments

RECENT_S = 5.0  # rates are of the last seconds


@dataclass
class Stream:
    """One live source on its way through a pipeline of its own.

    Attributes:
        source: frames as they come; iterating ends when the source ends or is stopped.
        pipeline: not used by any other stream; `Pipeline.beside` makes another on the same models.
        sinks: take each result in order; entered and closed by the run.
        schedule: says which frames are detected.
        queue: frames that may wait; then the oldest is dropped.
    """

    source: Iterable[Frame]
    pipeline: Stages
    sinks: Sequence[Sink] = ()
    schedule: Schedule = field(default_factory=Schedule)
    queue: int = 4


@dataclass(frozen=True)
class Status:
    """How a stream does.

    Attributes:
        frames: results so far.
        dropped: frames that nobody had time for, by us or by the source.
        rate: results a second, lately.
        detections: detections a second, lately.
        latency_ms: from the frame's coming to its result, of the last result.
        ended: whether no more will come.
    """

    frames: int
    dropped: int
    rate: float
    detections: float
    latency_ms: float
    ended: bool


class Live:
    """Runs streams until their sources end, `stop` is called, or a part fails.

    A context manager: entering it starts the threads; leaving it stops the sources, lets what is under way finish,
    closes the sinks (with success only where nothing failed), and raises the first failure.

    Example:
        >>> with Live(streams, workers=2) as live:  # doctest: +SKIP
        ...     while not live.wait(0.5):
        ...         print(live.status())
    """

    def __init__(self, streams: Sequence[Stream], workers: int = 1) -> None:
        """Name the streams, and how many detections run at the same time for all of them together."""
        self._pool = Pool(workers)
        self._ended = threading.Event()
        self._runs = [_Run(stream, self._pool, self._over, _share(workers, len(streams))) for stream in streams]

    def __enter__(self) -> Self:
        self._pool.__enter__()
        for run in self._runs:
            run.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for run in self._runs:
            run.stop(drop=kind is not None)
        try:
            for run in self._runs:
                run.join()
        finally:
            self._pool.__exit__(kind, error, trace)
        failed = [run.error for run in self._runs if run.error is not None]
        if failed and kind is None:
            raise failed[0]

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until all streams have ended or one has failed; whether that is so after `timeout_s` seconds."""
        return self._ended.wait(timeout_s)

    def stop(self) -> None:
        """Ask all sources to end; leaving the block waits for it."""
        for run in self._runs:
            run.stop()

    def status(self) -> list[Status]:
        """How each stream does now."""
        return [run.status() for run in self._runs]

    def latest(self, number: int = 0) -> tuple[Frame, Garments] | None:
        """The newest result of a stream; None before the first."""
        return self._runs[number].latest

    def latencies_ms(self, number: int = 0) -> list[float]:
        """Milliseconds from coming to result of a stream's newest frames, in order."""
        return list(self._runs[number].latencies)

    def _over(self) -> None:
        if any(run.error is not None for run in self._runs):
            for run in self._runs:
                run.stop(drop=True)
            self._ended.set()
        elif all(run.ended for run in self._runs):
            self._ended.set()


class _Run:
    """One stream's threads and figures."""

    def __init__(self, stream: Stream, pool: Pool, over: Callable[[], None], at_once: int) -> None:
        self._stream, self._pool, self._over, self._at_once = stream, pool, over, at_once
        self._inbox: Latest[Frame] = Latest(stream.source, stream.queue)
        self._thread = threading.Thread(target=self._work, name="asworn-live", daemon=True)
        self._done: deque[tuple[float, bool]] = deque(maxlen=2000)
        self._frames, self._drop = 0, False
        self.latencies: deque[float] = deque(maxlen=LONGEST)
        self.latest: tuple[Frame, Garments] | None = None
        self.error: BaseException | None = None
        self.ended = False

    def start(self) -> None:
        self._thread.start()

    def stop(self, drop: bool = False) -> None:
        """End the source; with `drop` also forget what waits and do not show the sinks' results."""
        self._drop |= drop
        self._inbox.stop()

    def join(self) -> None:
        self._thread.join()

    def status(self) -> Status:
        now, done = perf_counter(), list(self._done)
        recent = [detected for when, detected in done if now - when <= RECENT_S]
        span = min(RECENT_S, max(now - done[0][0], 0.1)) if done else 1.0
        dropped = self._inbox.dropped + getattr(self._stream.source, "dropped", 0)
        latency = self.latencies[-1] if self.latencies else 0.0
        return Status(self._frames, dropped, len(recent) / span, sum(recent) / span, latency, self.ended)

    def _work(self) -> None:
        try:
            self._run()
        except BaseException as error:  # raised again where the block is left
            self.error = None if isinstance(error, _Dropped) else error
        self.ended = True
        self._over()

    def _run(self) -> None:
        stream, arrived = self._stream, deque()
        with ExitStack() as stack:
            for sink in stream.sinks:
                stack.enter_context(sink)
            stack.enter_context(self._inbox)
            writer = stack.enter_context(Writer(stream.sinks, stream.queue, self._inbox.stop))
            frames = self._arriving(arrived)
            results = matched(frames, stream.pipeline, stream.schedule, self._submit, self._at_once, live=True)
            for frame, garments in stack.enter_context(closing(results)):
                writer.put((frame, garments))
                self._note(frame, garments, arrived.popleft())
            stream.pipeline.finish()
            writer.drain()

    def _arriving(self, arrived: deque[float]) -> Iterable[Frame | None]:
        """The source's frames; when each came is noted, and the schedule is told how far behind we are."""
        for frame in self._inbox:
            if self._drop:
                break
            if frame is not None:
                arrived.append(perf_counter() - self._inbox.waited_ms / 1e3)
                self._stream.schedule.waited(self._inbox.waited_ms)
            yield frame
        if self._drop:
            raise _Dropped

    def _submit(self, job: Callable[[], Any]) -> Future:
        future = self._pool.submit(self, job)
        future.add_done_callback(self._inbox.poke)
        return future

    def _note(self, frame: Frame, garments: Garments, arrived_s: float) -> None:
        now = perf_counter()
        self.latencies.append(1e3 * (now - arrived_s))
        self._done.append((now, not garments.carried))
        self.latest, self._frames = (frame, garments), self._frames + 1


class _Dropped(Exception):
    """Another part failed: what this one has is not wanted."""


def _share(workers: int, streams: int) -> int:
    """Detections of one stream that may be under way."""
    return max(workers // max(streams, 1), 1)
