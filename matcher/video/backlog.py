"""Packets between the thread that reads a live source and the one that decodes: what is late is dropped, not kept."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

BEHIND_S = 0.3  # so much waiting: pictures are decoded, which others need, but few are shown
LATE_S = 1.5  # so much waiting: all is dropped up to a picture that needs none before it
MOST = 600  # packets, whatever their stamps say


@dataclass(frozen=True)
class Waiting:
    """A packet that is to be decoded.

    Attributes:
        decoder: of its stream.
        packet: None makes the decoder give what it holds back.
        unit: seconds per unit of the stamps of its pictures.
        shift: so many units are to be added to them.
        key: whether it needs no packet before it.
        stamp_s: when it is to be decoded, seconds.
        fresh: whether packets before it were dropped.
        behind: whether many wait.
    """

    decoder: Any
    packet: Any
    unit: Fraction = Fraction(1, 90_000)
    shift: int = 0
    key: bool = False
    stamp_s: float = 0.0
    fresh: bool = False
    behind: bool = False


class Backlog:
    """A queue whose contents are never older than `LATE_S` for long.

    A decoder that is too slow first shows fewer pictures, and then goes on at the newest picture that stands by itself.

    Attributes:
        dropped: packets that were not decoded.
    """

    def __init__(self) -> None:
        """Nothing waits."""
        self._waiting: deque[Waiting] = deque()
        self._changed = threading.Condition()
        self._closed = self._broken = self._fresh = False
        self.dropped = 0

    def put(self, one: Waiting) -> None:
        """Add a packet; never waits."""
        with self._changed:
            if self._broken and not one.key and one.packet is not None:
                self.dropped += 1
                return
            self._waiting.append(one)
            self._broken &= not one.key
            if len(self._waiting) > MOST or self._span_s() > LATE_S:
                self._catch_up()
            self._changed.notify()

    def take(self) -> Waiting | None:
        """The next packet, as soon as there is one; None when it was closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if self._closed:
                return None
            one, fresh, behind = self._waiting.popleft(), self._fresh, self._span_s() > BEHIND_S
            self._fresh = False
            return replace(one, fresh=fresh, behind=behind)

    def close(self) -> None:
        """Give no more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _span_s(self) -> float:
        return self._waiting[-1].stamp_s - self._waiting[0].stamp_s if self._waiting else 0.0

    def _catch_up(self) -> None:
        """Go on at the newest key picture that waits; where none does, at the next one that comes."""
        keys = [i for i, one in enumerate(self._waiting) if one.key]
        keep = keys[-1] if keys and keys[-1] else len(self._waiting)
        if keep == len(self._waiting) and len(self._waiting) <= MOST and self._span_s() <= 2 * LATE_S:
            return  # the decoder may still make it, and the next key picture may be seconds away
        self._broken = keep == len(self._waiting)
        for _ in range(keep):
            self._waiting.popleft()
        self.dropped += keep
        self._fresh = True
