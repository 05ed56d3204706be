"""What is known about a video after a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from matcher.timecode import Timecode

UNITS = 10_000  # width of a timeline's drawing


@dataclass(frozen=True)
class ReportFacts:
    """What pages and exports say about the video.

    Attributes:
        name: of the video.
        size: (width, height) in pixels.
        frames: how many were looked at.
        start: exact time of the first frame looked at, seconds.
        end: exact time at which the last one goes.
        timecode: how times are written.
        shots: number of each shot, from 1, and the exact time at which it begins, in order.
    """

    name: str
    size: tuple[int, int]
    frames: int
    start: Fraction
    end: Fraction
    timecode: Timecode
    shots: tuple[tuple[int, Fraction], ...] = field(default=())

    @property
    def length(self) -> float:
        """Seconds, at least a thousandth."""
        return max(float(self.end - self.start), 1e-3)

    def place(self, time: Fraction) -> int:
        """Where a time lies on the timeline, 0 to 10,000."""
        return round(min(max(float(time - self.start) / self.length, 0), 1) * UNITS)

    def span_of(self, shot: int) -> tuple[Fraction, Fraction]:
        """When a shot begins and ends; the whole video for one that is not known."""
        numbers = [number for number, _ in self.shots]
        if shot not in numbers:
            return self.start, self.end
        place = numbers.index(shot)
        return self.shots[place][1], self.shots[place + 1][1] if place + 1 < len(numbers) else self.end
