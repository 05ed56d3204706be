"""How much of what is worn in a video the shop sells, told by how many of its garments are exact.

Most clothes in most films are of no shop at hand, and the thresholds of exact are chosen for those. Where a shop does
sell what is worn (a look-book, a sponsor's wardrobe), about half of the garments are exact all the same, against one in
ten where it sells nothing of it. There a likely product is far likelier to be the garment's own than the thresholds
allow for, and less evidence will do. This is an adjustment to other a priori probabilities (Saerens, Latinne and
Decaestecker, Neural Computation 2002) in its plainest form.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matcher.stages.passing import Passing

LEAST_S = 0.5  # so long a track is seen before it counts
_EXACT_BEFORE, _TRACKS_BEFORE = 1.0, 12.0  # what the share begins with, before anything is seen
_PRUNE_S = 5.0


@dataclass
class _Seen:
    seconds: float = 0.0
    exact: bool = False
    last: float = 0.0


class SoldHere(Passing):
    """Counts a video's tracks, and those that are exact whatever the shop sells: others would feed the count."""

    def __init__(self, none: float, all_: float, remember_s: float) -> None:
        """Count what was seen in the last `remember_s` seconds.

        Args:
            none: share of exact tracks up to which the shop is taken to sell nothing of what is worn.
            all_: share from which it is taken to sell all of it; 0 = never.
            remember_s: how long a track counts after it was last seen.
        """
        self._none, self._all, self._remember_s = none, all_, remember_s
        self.reset()

    def reset(self) -> None:
        """Forget all, as before another video."""
        super().reset()
        self._tracks: dict[int, _Seen] = {}
        self._counted = self._exact = 0
        self._pruned = -np.inf

    @property
    def ease(self) -> float:
        """0 where the shop sells nothing of what is worn, 1 where it sells all."""
        if not self._all:
            return 0.0
        share = (self._exact + _EXACT_BEFORE) / (self._counted + _TRACKS_BEFORE)
        return float(np.clip((share - self._none) / (self._all - self._none), 0, 1))

    def begin(self, time: float) -> None:
        """Another frame comes, at a time in seconds."""
        self._to(time)
        if time - self._pruned > _PRUNE_S:
            self._pruned = time
            for number in [n for n, one in self._tracks.items() if time - one.last > self._remember_s]:
                self._count(self._tracks.pop(number), -1)

    def note(self, tracks: NDArray[np.int64], exact: NDArray[np.bool_]) -> None:
        """Tracks (N,) of this frame, and whether (N,) each would be exact whatever the shop sells."""
        if not self._all:
            return
        for number, is_exact in zip(tracks.tolist(), exact.tolist(), strict=True):
            one = self._tracks.setdefault(number, _Seen(-self._step_s))  # its first frame is its beginning
            self._count(one, -1)
            one.seconds, one.exact, one.last = one.seconds + self._step_s, one.exact or is_exact, self._time
            self._count(one, 1)

    def _count(self, one: _Seen, sign: int) -> None:
        """Count a track in, or out with -1, if it was seen for long enough."""
        if one.seconds >= LEAST_S:
            self._counted += sign
            self._exact += sign * one.exact
