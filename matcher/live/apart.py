"""Keeps what fails in one stream to that stream: its source, its stages and its sinks, seen through guards."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self, TypeVar

from matcher.engine.matching import Stages
from matcher.errors import MatcherError
from matcher.sinks.base import Sink
from matcher.types import Frame, Garments
from matcher.video.health import Health, Notice, SeesHealth, State

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Failure:
    """Whether a stream has failed, and why; the first reason stays. Safe to use from several threads.

    Attributes:
        error: what went wrong; None as long as nothing did.
    """

    def __init__(self, apart: Callable[[], bool], stop: Callable[[], None]) -> None:
        """Nothing has failed yet.

        Args:
            apart: whether other streams are to go on without this one.
            stop: ends this one; called once.
        """
        self._apart, self._stop = apart, stop
        self._lock = threading.Lock()
        self.error: Exception | None = None

    def keeps(self, error: Exception) -> bool:
        """End the stream because of an error; false where it must be raised, since there is no other stream."""
        if not self._apart():
            return False
        with self._lock:
            first = self.error is None
            self.error = self.error or error
        if first:
            if not isinstance(error, MatcherError):
                _log.error("a stream fails", exc_info=error)
            self._stop()
        return True


def reason_of(error: Exception) -> str:
    """An error on one line."""
    words = str(error).strip().partition("\n")[0]
    return words if isinstance(error, MatcherError) and words else f"{type(error).__name__}: {words}".rstrip(": ")


def failed(error: Exception, reconnects: int = 0) -> Health:
    """How the source of a stream does that has failed."""
    return Health(State.FAILED, reason_of(error), reconnects)


class GuardedSource:
    """Another source, which ends where it would have raised; everything else is that one's."""

    def __init__(self, source: Any, failure: Failure) -> None:
        """Look at a source through a failure."""
        self._source, self._failure = source, failure

    def __iter__(self) -> Iterator[Frame | Notice]:
        try:
            yield from self._source
        except Exception as error:  # whatever it is, other streams must not suffer from it
            if not self._failure.keeps(error):
                raise

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)


class GuardedStages:
    """The stages of another pipeline; after a failure they find nothing, so that what is under way ends soon."""

    def __init__(self, stages: Stages, failure: Failure) -> None:
        """Look at stages through a failure."""
        self._stages, self._failure = stages, failure

    def cut(self, frame: Frame) -> bool:
        """As `Stages` says."""
        return self._run(False, self._stages.cut, frame)

    def detect(self, frame: Frame) -> Any:
        """As `Stages` says."""
        return self._run(None, self._stages.detect, frame)

    def follow(self, frame: Frame, found: Any, cut: bool) -> Garments:
        """As `Stages` says."""
        return self._run(Garments.empty(), self._stages.follow, frame, found, cut)

    def carry(self, frame: Frame) -> Garments:
        """As `Stages` says."""
        return self._run(Garments.empty(), self._stages.carry, frame)

    def finish(self) -> None:
        """As `Stages` says."""
        self._run(None, self._stages.finish)

    def _run(self, instead: T, stage: Callable[..., T], *given: Any) -> T:
        if self._failure.error is None:
            try:
                return stage(*given)
            except Exception as error:  # as with sources
                if not self._failure.keeps(error):
                    raise
        return instead


class GuardedSink:
    """Another sink. What it raises ends the stream; what it got before another part failed is finished as usual."""

    def __init__(self, sink: Sink, failure: Failure) -> None:
        """Look at a sink through a failure."""
        self._sink, self._failure = sink, failure
        self._open, self._own = False, None

    def __enter__(self) -> Self:
        self._run(self._sink.__enter__)
        self._open = self._own is None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        error = error or self._own
        if self._open:
            self._run(self._sink.__exit__, type(error) if error else None, error, trace)

    def write(self, frame: Frame, garments: Garments) -> None:
        """Pass a result on, unless the stream has failed."""
        if self._failure.error is None:
            self._run(self._sink.write, frame, garments)

    def health(self, health: Health) -> None:
        """Pass on how the source does, or that the stream has failed."""
        error = self._failure.error
        told = health if error is None else failed(error, health.reconnects)
        if isinstance(self._sink, SeesHealth):
            self._run(self._sink.health, told)

    def close(self, ok: bool = True) -> None:
        """Finish, or drop the result."""
        if self._open:
            self._run(self._sink.close, ok and self._own is None)

    def _run(self, action: Callable[..., Any], *given: Any) -> None:
        try:
            action(*given)
        except Exception as error:  # as with sources
            self._own = self._own or error
            if not self._failure.keeps(error):
                raise
