"""What every source of pictures offers, whether file, address or device."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from matcher.types import Frame


@runtime_checkable
class VideoSource(Protocol):
    """A stream of `Frame`s and what is known about it beforehand.

    Use it as a context manager and iterate over it. Frames come in the order of their times, which strictly grow;
    only these times are exact: everything below is for display and for guesses of how much is left.
    """

    @property
    def name(self) -> str:
        """Short id for reports, e.g. the file's name; also `Frame.source`."""
        ...

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels of the first frame, upright; later frames of a stream may differ."""
        ...

    @property
    def rate(self) -> Fraction:
        """Frames per second, average or guessed."""
        ...

    @property
    def duration_s(self) -> float | None:
        """Length in seconds; None for live streams and files that do not say."""
        ...

    @property
    def frames_estimate(self) -> int | None:
        """About how many frames there are; None where that is unknown."""
        ...

    @property
    def start(self) -> Fraction:
        """Exact time of the first frame in seconds; not always zero."""
        ...

    @property
    def start_timecode(self) -> str | None:
        """SMPTE timecode of the first frame where the file carries one, else None."""
        ...

    @property
    def corrupt(self) -> int:
        """How many damaged frames were skipped so far."""
        ...

    @property
    def truncated(self) -> bool:
        """After the last frame: whether fewer frames came than the file states."""
        ...

    def __iter__(self) -> Iterator[Frame]:
        """The frames from the first on."""
        ...

    def close(self) -> None:
        """Let go of the file, address or device."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
