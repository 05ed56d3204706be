"""One live source on its way through a pipeline: its threads, what it shows, and what is known of it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from itertools import chain
from time import perf_counter
from typing import Any

from matcher.clock import Newest
from matcher.engine.matching import Stages, matched
from matcher.engine.pool import Pool
from matcher.engine.queues import Latest
from matcher.engine.schedule import Schedule
from matcher.engine.writer import Writer
from matcher.sinks.base import Sink
from matcher.sinks.publish import Published, PublishSink
from matcher.types import Frame, Garments
from matcher.video.health import CLEARED, Health, Notice, State

RECENT_S = 5.0  # rates are of the last seconds


@dataclass
class Stream:
    """One live source on its way through a pipeline of its own.

    Attributes:
        source: frames as they come, with a `Notice` where it does otherwise; iterating ends when the source ends. One
            that may wait long for a frame has a method `stop` that ends it at once.
        pipeline: not used by any other stream; `Pipeline.beside` makes another on the same models.
        sinks: take each result in order; entered and closed by the run. Those that are `SeesHealth` are told of the
            source.
        schedule: says which frames are detected.
        queue: frames that may wait; then the oldest is dropped.
    """

    source: Iterable[Frame | Notice]
    pipeline: Stages
    sinks: Sequence[Sink] = ()
    schedule: Schedule = field(default_factory=Schedule)
    queue: int = 8


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
        health: how the source does.
        published: how those do that its picture is sent to.
    """

    frames: int
    dropped: int
    rate: float
    detections: float
    latency_ms: float
    ended: bool
    health: Health = Health()
    published: tuple[Published, ...] = ()


class Run:
    """One stream's threads and figures.

    Attributes:
        stream: what runs.
        latencies: milliseconds from coming to result of the newest frames.
        latest: the newest result; None before the first, and while the source is lost or paused.
        error: what ended it too early.
        ended: whether no more results will come.
    """

    def __init__(self, stream: Stream, pool: Pool, over: Callable[[], None], at_once: int) -> None:
        """Prepare a stream's run.

        Args:
            stream: what runs.
            pool: where detections run.
            over: called in a thread of this when it has ended.
            at_once: detections of this stream that may be under way.
        """
        self.stream, self._pool, self._over, self._at_once = stream, pool, over, at_once
        self._inbox: Latest[Frame | Notice] = Latest(
            stream.source, stream.queue, lambda item: isinstance(item, Frame), self._noticed
        )
        self._writer = Writer(stream.sinks, stream.queue, self._inbox.stop)
        self._thread = threading.Thread(target=self._work, name="asworn-live", daemon=True)
        self._done: deque[tuple[float, bool]] = deque(maxlen=2000)
        self._frames, self._drop, self._paused, self._started = 0, False, False, False
        # Of each frame under way: when it came, and how often the source had been lost by then.
        self._arrived: deque[tuple[float, int]] = deque()
        self._lost = self._void = 0
        self._health = Health(State.CONNECTING)
        self.latencies = Newest()
        self.latest: tuple[Frame, Garments] | None = None
        self.error: BaseException | None = None
        self.ended = False

    def start(self) -> None:
        """Begin."""
        self._started = True
        self._thread.start()

    def stop(self, drop: bool = False) -> None:
        """End the source; with `drop` also forget what waits and do not show the sinks' results."""
        self._drop |= drop
        self._inbox.stop()
        if (stop := getattr(self.stream.source, "stop", None)) is not None:
            stop()

    def pause(self, paused: bool) -> None:
        """Pass frames on as they are, with nothing found; or match them again."""
        self._paused = paused
        self._inbox.poke()

    def join(self) -> None:
        """Wait until it has ended."""
        if self._started:
            self._thread.join()

    def status(self) -> Status:
        """How it does now."""
        now, done = perf_counter(), list(self._done)
        recent = [detected for when, detected in done if now - when <= RECENT_S]
        span = min(RECENT_S, max(now - done[0][0], 0.1)) if done else 1.0
        dropped = self._void + self._inbox.dropped + getattr(self.stream.source, "dropped", 0)
        latency = self.latencies[-1] if self.latencies else 0.0
        rates = len(recent) / span, sum(recent) / span
        sent = tuple(sink.status() for sink in self.stream.sinks if isinstance(sink, PublishSink))
        return Status(self._frames, dropped, *rates, latency, self.ended, self._current_health(), sent)

    def _current_health(self) -> Health:
        if self.ended:
            return replace(self._health, state=State.ENDED)
        return replace(self._health, state=State.PAUSED) if self._paused else self._health

    def _work(self) -> None:
        try:
            self._run()
        except BaseException as error:  # raised again where the block is left
            self.error = None if isinstance(error, _Dropped) else error
        self.ended = True
        self._over()

    def _run(self) -> None:
        stream = self.stream
        with ExitStack() as stack:
            for sink in stream.sinks:
                stack.enter_context(sink)
            stack.enter_context(self._inbox)
            writer = stack.enter_context(self._writer)
            items, ended = self._items(writer), False
            while not ended:
                ended, left = self._match(items, writer)
                stream.pipeline.finish()
                stream.schedule.begin()
                self.latest = None if self._current_health().state in CLEARED else self.latest
                writer.put(replace(self._health, state=State.ENDED) if ended else self._current_health())
                ended = ended or self._pass_on(chain(left, items), writer)
            writer.drain()

    def _match(self, items: Iterator[Frame | None], writer: Writer) -> tuple[bool, list[Frame]]:
        """Match frames until there are no more, or what is shown must be cleared.

        Returns:
            Whether there are no more, and a frame that was taken but not matched.
        """
        stream, frames = self.stream, _Until(items, lambda: self._paused or self._health.state in CLEARED)
        results = matched(frames, stream.pipeline, stream.schedule, self._submit, self._at_once, live=True)
        with closing(results):
            for frame, garments in results:
                self._show(frame, garments)
        return not frames.stopped, frames.left

    def _pass_on(self, items: Iterable[Frame | None], writer: Writer) -> bool:
        """While it is paused: frames with nothing found; whether there are no more."""
        if not self._paused:
            return False
        nothing = Garments.empty()
        for frame in items:
            if frame is not None:
                self._show(frame, nothing)
            if not self._paused:
                writer.put(self._health)
                return False
        return True

    def _items(self, writer: Writer) -> Generator[Frame | None, None, None]:
        """The source's frames; when each came is noted, and the schedule is told how far behind we are.

        None only asks to look around.
        """
        for item in self._inbox:
            if self._drop:
                break
            if isinstance(item, Notice):
                self._health = item.health
                if item.rate:
                    self.stream.schedule.at_rate(item.rate)
                self._lost += item.health.state in CLEARED
                if item.health.state not in CLEARED:
                    writer.put(self._current_health(), self._lost)
                yield None
                continue
            if item is not None:
                self._live()
                self._arrived.append((perf_counter() - self._inbox.waited_ms / 1e3, self._lost))
                self.stream.schedule.waited(self._inbox.waited_ms)
            yield item
        if self._drop:
            raise _Dropped

    def _noticed(self, item: Frame | Notice) -> None:
        """Clear what is shown as soon as the source says so, however long what is under way may still take."""
        if isinstance(item, Notice) and item.health.state in CLEARED:
            self.latest = None
            self._writer.clear(item.health)

    def _live(self) -> None:
        """A source that gives no notices is live with its first frame."""
        if self._health.state == State.CONNECTING:
            self._health = replace(self._health, state=State.LIVE)

    def _submit(self, job: Callable[[], Any]) -> Future:
        future = self._pool.submit(self, job)
        future.add_done_callback(self._inbox.poke)
        return future

    def _show(self, frame: Frame, garments: Garments) -> None:
        arrived_s, lost = self._arrived.popleft()
        if not self._writer.put((frame, garments), lost):
            self._void += 1
            return
        now = perf_counter()
        self.latencies.append(1e3 * (now - arrived_s))
        self._done.append((now, not garments.carried))
        self.latest, self._frames = (frame, garments), self._frames + 1


class _Until:
    """Items until something holds; a frame that was taken by then is in `left`."""

    def __init__(self, items: Iterator[Frame | None], holds: Callable[[], bool]) -> None:
        self._items, self._holds, self.stopped = items, holds, False
        self.left: list[Frame] = []

    def __iter__(self) -> Iterator[Frame | None]:
        for item in self._items:
            if self._holds():
                self.stopped = True
                self.left = [] if item is None else [item]
                return
            yield item


class _Dropped(Exception):
    """Another part failed: what this one has is not wanted."""
