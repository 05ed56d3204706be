"""How long each stage takes."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import overload

LONGEST = 200_000  # frames remembered; a stream that runs for days must not fill the memory


class Newest(Sequence[float]):
    """The newest values in order, oldest first, in four bytes each: a hundred minutes of every stage are a few MB."""

    def __init__(self, most: int = LONGEST) -> None:
        """Begin without values; from `most` on, each new one takes the place of the oldest."""
        self._values, self._most, self._oldest = array("f"), most, 0

    def append(self, value: float) -> None:
        """Add the newest."""
        if len(self._values) < self._most:
            self._values.append(value)
        else:
            self._values[self._oldest] = value
            self._oldest = (self._oldest + 1) % self._most

    def __len__(self) -> int:
        """How many there are."""
        return len(self._values)

    def __iter__(self) -> Iterator[float]:
        """Over those of now, while more may come from another thread."""
        return iter(self._values[self._oldest :] + self._values[: self._oldest])

    @overload
    def __getitem__(self, index: int) -> float: ...

    @overload
    def __getitem__(self, index: slice) -> list[float]: ...

    def __getitem__(self, index: int | slice) -> float | list[float]:
        """One value, or a list of some; 0 is the oldest, -1 the newest."""
        if isinstance(index, slice):
            return list(self)[index]
        number = range(len(self))[index]
        return self._values[(self._oldest + number) % len(self)]


class Clock:
    """Measures named parts; `times` maps a name to its newest durations in milliseconds."""

    def __init__(self) -> None:
        """Nothing measured yet."""
        self.times: dict[str, Newest] = {}

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Add the time that the block takes to `name`."""
        start = perf_counter()
        try:
            yield
        finally:
            self.times.setdefault(name, Newest()).append((perf_counter() - start) * 1e3)

    def reset(self) -> None:
        """Forget all measurements."""
        self.times = {}
