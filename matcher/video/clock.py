"""Time stamps that strictly grow, from streams whose own sometimes do not."""

from __future__ import annotations

from fractions import Fraction

JUMP_S = 1  # stamps that fall back by more than this have been restarted; by less, they are out of order


class Clock:
    """Repairs presentation time stamps.

    Good stamps pass unchanged. A missing one is the last plus one frame. One that repeats or steps back a little is
    moved just behind the last. A stream that starts its time again (joined recordings do) goes on from where it was.
    """

    def __init__(self, time_base: Fraction, rate: Fraction) -> None:
        """Take the unit of the stamps in seconds and the nominal frames per second."""
        self._step = max(round(1 / (rate * time_base)), 1)
        self._jump = max(round(JUMP_S / time_base), 1)
        self._offset = 0
        self._last: int | None = None
        self.repaired = 0

    def __call__(self, pts: int | None, duration: int | None = None) -> int:
        """The stamp to use for the next frame.

        Args:
            pts: the frame's own stamp, or None.
            duration: how long the frame is shown, in units of the time base; 0 or None = unknown.
        """
        last, step = self._last, duration or self._step
        if pts is None:
            fixed = 0 if last is None else last + step
        else:
            fixed = pts + self._offset
            if last is not None and fixed <= last:
                restarted = last - fixed > self._jump
                self._offset += last + step - fixed if restarted else 0
                fixed = last + (step if restarted else 1)
        self.repaired += pts is None or fixed != pts
        self._last = fixed
        return fixed
