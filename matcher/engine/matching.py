"""The heart of a run: frames in order through a pipeline, some detected in other threads, all followed in this one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol

from matcher.engine.schedule import Schedule
from matcher.types import Frame, Garments

MOST_WAITING = 8  # frames for each detection that runs at the same time

Submit = Callable[[Callable[[], Any]], Future]


class Stages(Protocol):
    """The part of `Pipeline` that a run uses."""

    def cut(self, frame: Frame) -> bool:
        """Whether the next frame begins another shot; called for every frame, in order."""
        ...

    def detect(self, frame: Frame) -> Any:
        """What the detector sees; keeps no state, runs in any thread."""
        ...

    def follow(self, frame: Frame, found: Any, cut: bool) -> Garments:
        """All other stages on the next detected frame."""
        ...

    def carry(self, frame: Frame) -> Garments:
        """The garments of the last frame, moved to the next one, which was not detected."""
        ...

    def finish(self) -> None:
        """The video has ended."""
        ...


@dataclass(frozen=True, slots=True)
class _Waiting:
    frame: Frame
    cut: bool
    found: Future | None  # None = to be carried

    @property
    def ready(self) -> bool:
        return self.found is None or self.found.done()


def matched(
    frames: Iterable[Frame | None],
    pipeline: Stages,
    schedule: Schedule,
    submit: Submit,
    at_once: int = 1,
    live: bool = False,
) -> Generator[tuple[Frame, Garments], None, None]:
    """Frames in order with their garments.

    Args:
        frames: None in between only asks to look whether a detection has ended.
        pipeline: its `detect` runs where `submit` puts it, everything else in this thread.
        schedule: says which frames are detected.
        submit: runs a job and gives its future.
        at_once: detections that may be under way before this waits for the first of them.
        live: frames do not wait: one for whose detection nothing is free is rather carried.
    """
    waiting: deque[_Waiting] = deque()
    for frame in frames:
        if frame is not None:
            free = not live or _running(waiting) < at_once
            waiting.append(_admit(frame, pipeline, schedule, submit, free))
        # One more detection than there are workers, so that none of these waits for this thread.
        while waiting and (waiting[0].ready or _running(waiting) > at_once or len(waiting) > at_once * MOST_WAITING):
            yield _next(waiting.popleft(), pipeline)
    while waiting:
        yield _next(waiting.popleft(), pipeline)


def at_once_here(job: Callable[[], Any]) -> Future:
    """A `submit` that runs the job in this thread; what it raises is raised."""
    future: Future = Future()
    future.set_result(job())
    return future


def _running(waiting: deque[_Waiting]) -> int:
    return sum(not one.ready for one in waiting)


def _admit(frame: Frame, pipeline: Stages, schedule: Schedule, submit: Submit, free: bool) -> _Waiting:
    cut = pipeline.cut(frame)
    if not schedule.wants(frame, cut, free):
        return _Waiting(frame, cut, None)

    def detect() -> Any:
        start = perf_counter()
        found = pipeline.detect(frame)
        schedule.detected(1e3 * (perf_counter() - start))
        return found

    return _Waiting(frame, cut, submit(detect))


def _next(one: _Waiting, pipeline: Stages) -> tuple[Frame, Garments]:
    if one.found is None:
        return one.frame, pipeline.carry(one.frame)
    return one.frame, pipeline.follow(one.frame, one.found.result(), one.cut)
