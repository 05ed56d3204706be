"""SMPTE timecodes (ST 12-1) from exact times.

A timecode counts frames, so it needs a frame rate. Files with a variable rate have none; their times are put on the
nearest usual rate, and `Timecode.note` says so.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction

from matcher.errors import InputError

NTSC = Fraction(1000, 1001)
USUAL = tuple(map(Fraction, (24, 25, 30, 48, 50, 60, 100, 120))) + tuple(n * NTSC for n in (24, 30, 48, 60, 120))
_SLOW = 22  # below the slowest of the usual rates
_TOLERANCE = Fraction(1, 2000)  # 23.976 and 24 are 1/1000 apart
_PATTERN = re.compile(r"(\d{1,2}):(\d{2}):(\d{2})([:;.,])(\d{2,3})")


def nearest_rate(rate: Fraction) -> Fraction:
    """The usual frame rate nearest to this one; whole rates up to 120 and slow ones are taken as whole numbers."""
    rate = Fraction(rate)
    whole = Fraction(round(rate))
    if rate < _SLOW or (whole <= 120 and abs(rate - whole) < whole * _TOLERANCE / 10):
        return max(whole, Fraction(1))
    return min(USUAL, key=lambda usual: abs(usual - rate))


@dataclass(frozen=True)
class Timecode:
    """Writes and reads the timecodes of one video.

    Attributes:
        rate: frames per second that are counted, one that `nearest_rate` gives.
        start: timecode of the first frame, as a number of frames.
        origin: exact time of the first frame, seconds.
        note: empty, or a sentence that the rate is only near the video's.
    """

    rate: Fraction
    start: int = 0
    origin: Fraction = Fraction(0)
    note: str = ""

    @classmethod
    def of(
        cls, rate: Fraction, start: str | None = None, origin: Fraction = Fraction(0), variable: bool = False
    ) -> Timecode:
        """For a video.

        Args:
            rate: its frames per second, average or guessed.
            start: timecode of its first frame, None for 00:00:00:00; an unreadable one counts as None.
            origin: exact time of its first frame, seconds.
            variable: whether the distance between its frames varies.
        """
        usual = nearest_rate(rate)
        off = abs(usual - rate) > rate * _TOLERANCE
        note = ""
        if variable or off:
            what = "The frame rate varies" if variable else f"The frame rate is {float(rate):.3f}"
            note = f"{what}; timecodes count at {float(usual):.6g} frames a second. Seconds are exact."
        code = cls(usual, 0, origin, note)
        try:
            return cls(usual, code.frames(start) if start else 0, origin, note)
        except InputError:
            return code

    @property
    def nominal(self) -> int:
        """Frames that a second of timecode has: 30 for 29.97."""
        return round(self.rate)

    @property
    def drop(self) -> bool:
        """Whether numbers are dropped to keep up with the clock: at 29.97, 59.94 and 119.88."""
        return self.rate.denominator != 1 and self.nominal % 30 == 0

    def format(self, time: Fraction) -> str:
        """The timecode of the frame shown at an exact time (seconds, as in `Frame.timestamp`)."""
        return self.text(self.number(time))

    def number(self, time: Fraction) -> int:
        """The frame shown at an exact time, as a number counted from 00:00:00:00."""
        # The nearest frame, not the one before: files round their stamps, MKV to milliseconds.
        return self.start + math.floor((time - self.origin) * self.rate + Fraction(1, 2))

    def parse(self, text: str) -> Fraction:
        """The exact time in seconds of the frame with this timecode.

        Raises:
            InputError: not a timecode at this rate.
        """
        return (self.frames(text) - self.start) / self.rate + self.origin

    def text(self, frames: int) -> str:
        """The timecode of a frame number counted from 00:00:00:00; it wraps after 24 hours."""
        drop, nominal = self._dropped, self.nominal
        if drop:
            per_minute, per_ten = nominal * 60 - drop, nominal * 600 - 9 * drop
            tens, rest = divmod(frames, per_ten)
            minutes = max(rest - drop, 0) // per_minute
            frames += 9 * drop * tens + drop * minutes
        seconds, frame = divmod(frames, nominal)
        hours, minutes, seconds = seconds // 3600 % 24, seconds // 60 % 60, seconds % 60
        width = 3 if nominal > 100 else 2
        return f"{hours:02}:{minutes:02}:{seconds:02}{';' if drop else ':'}{frame:0{width}}"

    def frames(self, text: str) -> int:
        """The frame number of a timecode, counted from 00:00:00:00.

        Raises:
            InputError: not a timecode at this rate, or a number that drop-frame counting leaves out.
        """
        found = _PATTERN.fullmatch(text.strip())
        if not found:
            raise InputError(f"{text!r} is not a timecode; write hours:minutes:seconds:frames, like 01:02:03:04")
        hours, minutes, seconds, frame = (int(found[i]) for i in (1, 2, 3, 5))
        if minutes > 59 or seconds > 59 or frame >= self.nominal:
            raise InputError(f"{text!r} is not a timecode at {float(self.rate):.6g} frames a second")
        drop, total = self._dropped, hours * 60 + minutes
        if drop and minutes % 10 and not seconds and frame < drop:
            raise InputError(f"{text!r} does not exist: drop-frame timecode leaves this number out")
        return (total * 60 + seconds) * self.nominal + frame - drop * (total - total // 10)

    @property
    def _dropped(self) -> int:
        """How many numbers each minute but the tenth leaves out."""
        return self.nominal // 15 if self.drop else 0
