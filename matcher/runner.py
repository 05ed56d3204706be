"""Runs a pipeline over a whole video: decoding, detecting, matching and writing overlap, and end together."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from time import perf_counter

from matcher.engine.matching import Stages, at_once_here, matched
from matcher.engine.pool import Pool
from matcher.engine.queues import Prefetch
from matcher.engine.schedule import Counts, Schedule
from matcher.engine.writer import Writer
from matcher.sinks.base import Sink
from matcher.types import Frame, Garments

AHEAD = 8  # frames decoded, and results not yet written, at most


@dataclass(frozen=True)
class Progress:
    """How far a run is: frames done, seconds of video reached, frames per second so far."""

    frames: int
    time_s: float
    rate: float


@dataclass(frozen=True)
class Summary:
    """What a run did: frames, wall seconds without start-up, and which frames were detected."""

    frames: int
    wall_s: float
    counts: Counts = field(default_factory=Counts)

    @property
    def fps(self) -> float:
        """Frames per second of wall time."""
        return self.frames / self.wall_s if self.wall_s else 0.0


def run(
    source: Iterable[Frame],
    sinks: Sequence[Sink],
    pipeline: Stages,
    progress: Callable[[Progress], None] | None = None,
    start_s: float | None = None,
    end_s: float | None = None,
    at_once: int = 1,
    ahead: int = AHEAD,
    schedule: Schedule | None = None,
) -> Summary:
    """Send every frame of a source through a pipeline into sinks.

    The sinks are entered and closed here: with success when all went well, else so that they drop their results.
    Whatever fails, in decoding, matching or writing, stops the other parts and is raised from here; so is Ctrl-C.

    Args:
        source: frames in order of time.
        sinks: take each frame and its garments, in order.
        pipeline: `detect`s frames, side by side where `at_once` is above 1, `follow`s or `carry`s them in order in
            this thread, and is then `finish`ed.
        progress: called after each frame, in this thread.
        start_s: leave out frames before this time in seconds.
        end_s: stop at this time.
        at_once: how many frames are detected at the same time.
        ahead: frames that may wait between two parts.
        schedule: says which frames are detected and has to be new; all when None.

    Returns:
        How many frames there were and how long it took, sinks' closing included.
    """
    schedule = schedule or Schedule(workers=at_once)
    with ExitStack() as stack:
        for sink in sinks:
            stack.enter_context(sink)
        count, began = 0, perf_counter()
        with (
            Prefetch(_between(source, start_s, end_s), ahead) as frames,
            Writer(sinks, ahead) as writer,
            closing(_matched(frames, pipeline, schedule, at_once)) as results,
        ):
            for frame, garments in results:
                writer.put((frame, garments))
                schedule.finished()
                count += 1
                if progress is not None:
                    progress(Progress(count, frame.time, count / max(perf_counter() - began, 1e-9)))
            pipeline.finish()
            writer.drain()
    return Summary(count, perf_counter() - began, schedule.counts)


def _matched(
    frames: Iterable[Frame], pipeline: Stages, schedule: Schedule, at_once: int
) -> Generator[tuple[Frame, Garments], None, None]:
    """Frames in order with their garments, `at_once` of them being detected meanwhile."""
    if at_once <= 1 and not schedule.adaptive:
        yield from matched(frames, pipeline, schedule, at_once_here)
        return
    with Pool(at_once) as pool:
        yield from matched(frames, pipeline, schedule, lambda job: pool.submit(None, job), at_once)


def _between(source: Iterable[Frame], start_s: float | None, end_s: float | None) -> Iterator[Frame]:
    for frame in source:
        if end_s is not None and frame.timestamp >= end_s:
            return
        if start_s is None or frame.timestamp >= start_s:
            yield frame
