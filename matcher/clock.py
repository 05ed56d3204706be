"""How long each stage takes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

LONGEST = 200_000  # frames remembered; a stream that runs for days must not fill the memory


class Clock:
    """Measures named parts; `times` maps a name to its newest durations in milliseconds."""

    def __init__(self) -> None:
        """Nothing measured yet."""
        self.times: dict[str, deque[float]] = {}

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Add the time that the block takes to `name`."""
        start = perf_counter()
        try:
            yield
        finally:
            self.times.setdefault(name, deque(maxlen=LONGEST)).append((perf_counter() - start) * 1e3)

    def reset(self) -> None:
        """Forget all measurements."""
        self.times = {}
