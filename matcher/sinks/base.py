"""What every sink offers, and files that appear only when they are whole."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from matcher.errors import InputError
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


class PartFile:
    """A file that is written under a temporary name (`.NAME.PID.part` + suffix) and then renamed."""

    def __init__(self, path: str | Path) -> None:
        """Name the result; its folder is made if need be.

        Raises:
            InputError: the folder cannot be made, or the path is a folder.
        """
        self.path = Path(path)
        self.part = self.path.with_name(f".{self.path.stem}.{os.getpid()}.part{self.path.suffix}")
        if self.path.is_dir():
            raise InputError(f"{self.path} is a folder; name a file to write")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot make the folder {self.path.parent}: {error.strerror or error}") from error

    def commit(self) -> None:
        """Put the finished file in its place, replacing an older one at once."""
        os.replace(self.part, self.path)

    def discard(self) -> None:
        """Remove what was written."""
        self.part.unlink(missing_ok=True)


def write_whole(path: str | Path, data: str | bytes) -> None:
    """Write a small file so that it appears complete or not at all.

    Raises:
        InputError: the folder cannot be written to.
    """
    file = PartFile(path)
    try:
        file.part.write_bytes(data.encode("utf-8") if isinstance(data, str) else data)
        file.commit()
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        file.discard()
