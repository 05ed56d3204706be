"""When to try again what failed."""

from __future__ import annotations

import random


class Retry:
    """Soon at first, then less often; and never many at the same moment, since each waits a little more or less."""

    def __init__(self, first_s: float, most_s: float) -> None:
        """Wait `first_s` seconds after the first failure, twice as long after each one more, at most `most_s`."""
        self._first_s, self._most_s = first_s, most_s
        self._wait_s = 0.0

    def next(self) -> float:
        """It failed: seconds to wait."""
        self._wait_s = min(max(2 * self._wait_s, self._first_s), self._most_s)
        return self._wait_s * random.uniform(0.7, 1.3)

    def worked(self) -> None:
        """The next failure is a first one again."""
        self._wait_s = 0.0
