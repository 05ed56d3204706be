"""One growing time for all streams of a live source, whatever their own clocks do."""

from __future__ import annotations

from fractions import Fraction
from time import monotonic

BACK_S = 1  # stamps that fall back by more than this have been restarted; by less, they are out of order
AHEAD_S = 10  # and those that jump ahead by so much more than real time are of another clock too


class Timeline:
    """What to add to the stamps of packets, so that time goes on over restarts with picture and sound in step.

    Picture and sound of one clock get the same shift. When the clock restarts, one of them does so first: packets of
    the other that still have the old clock keep the old shift.
    """

    def __init__(self) -> None:
        """Time begins with the stamps of the first packet."""
        self._shift: Fraction | None = None
        self._before: Fraction | None = None
        self._last: dict[str, tuple[Fraction, float]] = {}
        self._end = self._gap = Fraction(0)
        self._seen = 0.0

    def join(self, gap: bool = True) -> None:
        """Begin with another file or connection: after the time that has passed meanwhile, or without a `gap`."""
        self._last.clear()
        self._before = None
        if self._seen:
            self._shift = None
            self._gap = Fraction(monotonic() - self._seen).limit_denominator(1000) if gap else Fraction(0)

    def shift(self, kind: str, stamp: Fraction, lasts: Fraction) -> Fraction:
        """Seconds to add to the stamps of a packet.

        Args:
            kind: video or audio.
            stamp: when the packet is to be decoded, seconds.
            lasts: how long it is shown or heard, seconds; 0 = unknown.
        """
        now = monotonic()
        if self._shift is None:
            self._shift = self._end + self._gap - stamp if self._seen else Fraction(0)
        shift = self._fitting(kind, stamp, max(lasts, Fraction(0)), now)
        self._last[kind] = (stamp + shift, now)
        if kind == "video" or "video" not in self._last:  # sound may end a little later than the picture
            self._end = max(self._end, stamp + shift + lasts)
        self._seen = now
        return shift

    def _fitting(self, kind: str, stamp: Fraction, lasts: Fraction, now: float) -> Fraction:
        """The shift of the clock that the stamp seems to be of; where it is of none known, a new one begins."""
        last, when = self._last.get(kind, (None, 0.0))
        if last is None:
            return self._shift
        known = [shift for shift in (self._shift, self._before) if shift is not None]
        best = min(known, key=lambda shift: abs(stamp + shift - last))
        passed = now - when
        if -BACK_S <= stamp + best - last <= passed + AHEAD_S:
            return best
        passed = max(Fraction(passed).limit_denominator(1000), lasts)
        self._before, self._shift = self._shift, last + passed - stamp
        return self._shift
