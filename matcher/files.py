"""Files that appear only when they are whole."""

from __future__ import annotations

import os
from pathlib import Path

from matcher.errors import InputError


class PartFile:
    """A file that is written under a temporary name (`.NAME.PID.part` + suffix) and then renamed."""

    def __init__(self, path: str | Path) -> None:
        """Name the result; its folder is made if need be.

        Raises:
            InputError: the folder cannot be made, or the path is a folder.
        """
        self.path = Path(path)
        # In the same folder, since renaming is atomic only within a file system; the suffix stays for encoders.
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
