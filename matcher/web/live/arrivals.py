"""When frames came: noted at the source, asked for when the result is there, so that pages can align it in time."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

from matcher.types import Frame
from matcher.video.health import Notice

_KEPT = 256  # frames under way between source and sink


class Arrivals:
    """Remembers when each of the newest frames came."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Take the time from `clock`, seconds."""
        self._clock = clock
        self._times: OrderedDict[int, float] = OrderedDict()

    def watch(self, source: Any) -> Watched:
        """The same source, whose frames are noted while they pass."""
        return Watched(source, self)

    def note(self, frame: Frame) -> None:
        """Remember that a frame came now."""
        self._times[frame.pts] = self._clock()
        while len(self._times) > _KEPT:
            self._times.popitem(last=False)

    def of(self, frame: Frame) -> float:
        """When a frame came, seconds; the present where nobody noted it."""
        return self._times.get(frame.pts) or self._clock()


class Watched:
    """A `VideoSource` that is another one, with its frames noted; everything else is that one's."""

    def __init__(self, source: Any, arrivals: Arrivals) -> None:
        """Use `Arrivals.watch`."""
        self._source, self._arrivals = source, arrivals

    def __iter__(self) -> Iterator[Frame | Notice]:
        for item in self._source:
            if isinstance(item, Frame):  # and no notice of how the source does
                self._arrivals.note(item)
            yield item

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)
