"""What every sink offers."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from matcher.types import Frame, Garments, Product

Products = Callable[[int], Product | None]  # row of the catalogue -> the listing, or None when it is gone


@runtime_checkable
class Sink(Protocol):
    """Takes the results frame by frame. A context manager; leaving it normally makes the result appear.

    Nothing half-written is left: until `close(True)` a sink writes under a temporary name beside the result, and a
    failure (an exception inside the `with`, or `close(False)`) removes that and leaves an older result as it was.
    """

    def write(self, frame: Frame, garments: Garments) -> None:
        """Take the garments of one frame; frames come in the order of their times."""
        ...

    def close(self, ok: bool = True) -> None:
        """Finish and show the result, or drop it. Closing again does nothing."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Closing:
    """The context manager of a sink: an exception inside the block drops the result."""

    def close(self, ok: bool = True) -> None:
        """Finish, or drop the result."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(ok=kind is None)
