"""Holding: a product that was found stays shown for a moment when the detector loses its garment.

A stride, an arm or a blurred frame costs a detector its box for some frames; the track lives on (`track.lost_s`), and
so does what it was taken for. Trackers call this coasting (Bewley et al., "Simple online and realtime tracking", 2016).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from matcher.boxes import area, clip, intersection
from matcher.stages.same_garment import SLOT_OF_TYPE
from matcher.stages.track import LEAST_SEEN, Move
from matcher.types import EXACT, Frame, Garments

TAKEN = 0.5  # share of the smaller box that lies in a seen box of the same slot: that one has the place now


class Hold:
    """Adds garments of the frame before that are exact and have no box in this one."""

    def __init__(self, hold_s: float) -> None:
        """Hold for so many seconds at most; 0 = never."""
        self._hold_s = hold_s
        self.reset()

    def reset(self) -> None:
        """Forget the last frame, as before another video."""
        self._last = Garments.empty()
        self._seen: dict[int, float] = {}

    def finish(self) -> None:
        """Forget the last frame at the end of the video."""
        self.reset()

    def __call__(self, frame: Frame, garments: Garments, move: Move) -> Garments:
        """The garments and, behind them, those that are held: where they went, not due, with the column `held` set.

        Nothing is held across a cut, out of the picture, or where another garment for the same part of the body is
        seen.

        Args:
            frame: the picture and its time.
            garments: after "settle", or carried on from the frame before.
            move: brings boxes (N, 4) of the last frame to this one, as `Flow.move`.
        """
        if not self._hold_s:
            return garments
        now = {int(number): frame.time for number in garments.track_id}
        rows = self._lost(frame, garments, now)
        seen = garments.with_columns(held=np.zeros(len(garments), bool))
        held = _moved(self._last[rows], frame, seen, move) if len(rows) else self._last[rows]
        self._last = seen.joined(held) if len(held) else seen
        self._seen = now | {int(number): self._seen[int(number)] for number in held.track_id} if len(held) else now
        return self._last

    def _lost(self, frame: Frame, garments: Garments, now: dict[int, float]) -> NDArray[np.int64]:
        """Rows of the last frame that are to be held in this one."""
        if not len(self._last) or garments.in_shot != self._last.in_shot:
            return np.zeros(0, np.int64)
        waited = np.array([frame.time - self._seen[int(number)] for number in self._last.track_id])
        missing = np.array([int(number) not in now for number in self._last.track_id])
        known = (self._last.tier == EXACT) & (self._last.track_id >= 0)
        # Time that runs back is another video.
        return np.flatnonzero(missing & known & (waited > 0) & (waited <= self._hold_s))


def _moved(lost: Garments, frame: Frame, seen: Garments, move: Move) -> Garments:
    """The lost rows where they are now; without those that left the picture or whose place is taken."""
    boxes = move(lost.xyxy)
    kept = area(clip(boxes, *frame.size)) >= LEAST_SEEN * area(boxes)
    if len(seen):
        smaller = np.minimum(area(boxes)[:, None], area(seen.xyxy)[None, :])
        inside = intersection(boxes, seen.xyxy) > TAKEN * smaller
        kept &= ~(inside & (SLOT_OF_TYPE[lost.type_id][:, None] == SLOT_OF_TYPE[seen.type_id])).any(1)
    held, none = lost[kept], np.zeros(int(kept.sum()))
    return held.with_columns(
        xyxy=clip(boxes[kept], *frame.size),
        due=none,
        quality=none,
        searched=none,
        embedding=np.zeros_like(held.embedding),
        held=none + 1,
    )
