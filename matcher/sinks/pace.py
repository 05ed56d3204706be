"""How the frames of a video follow one another, learned while they pass."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

from matcher.types import Frame

_STEADY = 0.9  # share of the distances that are nearly the usual one where the rate is constant
_NEAR = Fraction(1, 20)  # of the usual distance, beyond the rounding of the stamps
_KINDS = 4096  # distances kept apart, at most


class Pace:
    """Watches the times of frames.

    Attributes:
        frames: how many were seen.
        first: exact time of the first, seconds; None before it.
        last: exact time of the latest.
    """

    def __init__(self) -> None:
        """Have seen nothing yet."""
        self.frames = 0
        self.first: Fraction | None = None
        self.last = Fraction(0)
        self._gaps: Counter[Fraction] = Counter()
        self._tick = Fraction(0)

    def see(self, frame: Frame) -> None:
        """Take the next frame."""
        now = frame.timestamp
        if self.first is None:
            self.first, self._tick = now, frame.time_base
        else:
            gap = now - self.last
            # Streams with ever new distances are variable anyway: no need to remember them all.
            if gap in self._gaps or len(self._gaps) < _KINDS:
                self._gaps[gap] += 1
        self.last, self.frames = now, self.frames + 1

    @property
    def rate(self) -> Fraction:
        """Mean frames per second; 25 before the second frame."""
        if self.frames < 2 or self.last <= self.first:
            return Fraction(25)
        return (self.frames - 1) / (self.last - self.first)

    @property
    def variable(self) -> bool:
        """Whether the distance between frames varies: by more than rounding, and in more than a few places."""
        if not self._gaps:
            return False
        usual = self._gaps.most_common(1)[0][0]
        slack = 2 * self._tick + usual * _NEAR
        near = sum(count for gap, count in self._gaps.items() if abs(gap - usual) <= slack)
        return near < _STEADY * self._gaps.total()
