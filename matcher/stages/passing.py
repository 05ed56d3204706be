"""How the time of a video passes for what is kept over all of it."""

from __future__ import annotations

import math

_LONGEST_STEP_S = 1.0  # between two calls, that counts as time on screen


class Passing:
    """Base of what is kept over a whole video: begins anew where time runs back, which is another video."""

    def reset(self) -> None:
        """Forget all, as before another video."""
        self._time, self._step_s = -math.inf, 0.0

    def _to(self, time: float) -> float:
        """Go to a time in seconds; returns when the last frame was, -inf at first. `_step_s` is what has gone since."""
        if time < self._time:
            self.reset()
        before = self._time
        self._time, self._step_s = time, min(time - before, _LONGEST_STEP_S) if math.isfinite(before) else 0.0
        return before
