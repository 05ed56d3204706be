"""What was worn in earlier shots: people of a scene keep their clothes on from shot to shot.

A film that cuts back to somebody shows the same products again. That this product is worn in this video is known then,
and one look of a likely garment says as much as several did at first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from matcher.stages.passing import Passing


class WornBefore(Passing):
    """The products that were exact for a while in an earlier shot of the video."""

    def __init__(self, least_s: float, remember_s: float) -> None:
        """Know a product again that was exact for `least_s` seconds of one shot, until `remember_s` have gone.

        With a `least_s` of 0 nothing is ever known.
        """
        self._least_s, self._remember_s = least_s, remember_s
        self.reset()

    def reset(self) -> None:
        """Forget all, as before another video."""
        super().reset()
        self._known: dict[int, float] = {}  # row of the catalogue -> when it was exact last
        self._exact_s: dict[int, float] = {}  # the same in this shot -> for how long
        self._shot = -1

    def begin(self, time: float, shot: int) -> None:
        """Another frame comes: its time in seconds, and the number of its shot."""
        before = self._to(time)
        if shot != self._shot:
            long_enough = [row for row, seconds in self._exact_s.items() if seconds >= self._least_s]
            self._known |= dict.fromkeys(long_enough, before)
            self._known = {row: last for row, last in self._known.items() if time - last <= self._remember_s}
            self._exact_s, self._shot, self._step_s = {}, shot, 0.0

    def note(self, rows: NDArray[np.int64]) -> None:
        """Rows of the catalogue that are exact in this frame."""
        if self._least_s:
            for row in set(rows.tolist()):
                self._exact_s[row] = self._exact_s.get(row, 0.0) + self._step_s

    def knows(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of some rows (K,) of the catalogue are known."""
        return np.array([row in self._known for row in rows.tolist()], bool)
