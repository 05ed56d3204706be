"""A file played as a camera would give it: at its own speed, and again from the start if wished."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from time import monotonic
from types import TracebackType
from typing import Self

from matcher.types import Frame
from matcher.video.source import VideoSource

LATE_S = 0.5  # frames that come later than this are dropped, as a camera would drop them


class Paced:
    """Gives the frames of another source each at its time; it is a `VideoSource` too.

    Frames of later rounds go on in time where the one before ended.

    Attributes:
        dropped: frames left out because decoding was too slow.
        rounds: how often the file was played to its end.
    """

    def __init__(self, source: VideoSource, loop: bool = False, speed: float = 1.0) -> None:
        """Play a source.

        Args:
            source: closed together with this.
            loop: begin again at the end, for ever.
            speed: 2 = twice as fast.
        """
        self._source, self._loop, self._speed = source, loop, speed
        self._stop = threading.Event()
        self.dropped = self.rounds = 0

    def __iter__(self) -> Iterator[Frame]:
        began, first, index = monotonic(), None, 0
        for frame in self._frames():
            first = frame.timestamp if first is None else first
            due = began + float(frame.timestamp - first) / self._speed
            if self._stop.wait(max(due - monotonic(), 0)):
                return
            if monotonic() - due > LATE_S:
                self.dropped += 1
                continue
            yield replace(frame, index=index)
            index += 1

    def _frames(self) -> Iterator[Frame]:
        shift, last = 0, None
        while not self._stop.is_set():
            begun = last
            for frame in self._source:
                if begun is not None and last is begun:
                    shift = last - frame.pts + max(round(1 / (self._source.rate * frame.time_base)), 1)
                last = frame.pts + shift
                yield replace(frame, pts=last)
            self.rounds += 1
            if not self._loop:
                return

    @property
    def name(self) -> str:
        """As the source's."""
        return self._source.name

    @property
    def size(self) -> tuple[int, int]:
        """As the source's."""
        return self._source.size

    @property
    def rate(self) -> Fraction:
        """Frames per second of real time."""
        return self._source.rate * Fraction(self._speed).limit_denominator(1000)

    @property
    def start(self) -> Fraction:
        """As the source's."""
        return self._source.start

    @property
    def duration_s(self) -> float | None:
        """None: it goes on until it is stopped, where it loops."""
        return None if self._loop else self._source.duration_s

    @property
    def frames_estimate(self) -> int | None:
        """None where it loops."""
        return None if self._loop else self._source.frames_estimate

    @property
    def start_timecode(self) -> str | None:
        """As the source's."""
        return self._source.start_timecode

    @property
    def corrupt(self) -> int:
        """As the source's, of the newest round."""
        return self._source.corrupt

    @property
    def truncated(self) -> bool:
        """As the source's."""
        return self._source.truncated

    def close(self) -> None:
        """Stop playing and let go of the source."""
        self._stop.set()
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
