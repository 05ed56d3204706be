"""What a stage keeps about each track: made at first sight, forgotten when the track is gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

State = TypeVar("State")


class PerTrack(Generic[State]):
    """Base of the stages that hold something for each track."""

    def __init__(self, make: Callable[[], State], expire_s: float) -> None:
        """Start every track with `make()`; forget one that has not been seen for `expire_s` seconds."""
        self._make, self._expire_s = make, expire_s
        self._states: dict[int, tuple[State, float]] = {}

    def reset(self) -> None:
        """Forget all tracks."""
        self._states = {}

    def finish(self) -> None:
        """Forget all tracks at the end of the video."""
        self.reset()

    def _of(self, number: int, time: float) -> State:
        """What is kept for a track that is seen at a time in seconds."""
        state = self._states[number][0] if number in self._states else self._make()
        self._states[number] = state, time
        return state

    def _kept(self) -> Iterator[State]:
        return (state for state, _ in self._states.values())

    def _expire(self, time: float) -> None:
        # Time that runs back is another video: its tracks have new ids, and the old ones never come again.
        self._states = {n: (s, seen) for n, (s, seen) in self._states.items() if 0 <= time - seen <= self._expire_s}
