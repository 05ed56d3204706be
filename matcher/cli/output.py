"""Where a command writes its files: all of them appear at the end, or none."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import TracebackType

from rich.console import Console

from matcher.errors import InputError
from matcher.exports.registry import EXPORTS

# What a run may write. run.json comes last: a folder that has it holds a whole run.
EXPORTED = tuple(file for files in EXPORTS.values() for file in files)
FILES = ("frames.jsonl", "sightings.csv", "report.html", "overlay.mp4", *EXPORTED, "run.json")
MARK = "run.json"
_STAGING = ".unfinished-"

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


class RunFolder:
    """The folder that a run writes to, as a context manager.

    Files are made in a hidden folder inside it (`staging`) and moved to their places when the block ends well; files
    of an earlier run that this one did not make again are then removed. After a failure the earlier run is untouched.
    """

    def __init__(self, folder: Path) -> None:
        """Name the folder; it may be new, empty, or hold an earlier run.

        Raises:
            InputError: it is a file, or holds other things.
        """
        self.folder = folder
        self.staging = folder / f"{_STAGING}{os.getpid()}"
        _refuse_foreign(folder)
        self._made = not folder.exists()

    def __enter__(self) -> Path:
        """Make the folder and return where to write."""
        try:
            self.staging.mkdir(parents=True)
        except OSError as error:
            raise InputError(f"cannot write to {self.folder}: {error.strerror or error}") from error
        return self.staging

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._publish()
        self._remove_leftovers()
        if kind is not None and self._made and not any(self.folder.iterdir()):
            self.folder.rmdir()

    def _publish(self) -> None:
        # Without the mark first: a reader must not take a mixture of two runs for a whole one.
        (self.folder / MARK).unlink(missing_ok=True)
        for name in FILES:
            if (self.staging / name).exists():
                os.replace(self.staging / name, self.folder / name)
            else:
                (self.folder / name).unlink(missing_ok=True)

    def _remove_leftovers(self) -> None:
        for path in self.folder.glob(f"{_STAGING}*"):
            if path == self.staging or not _alive(path.name.removeprefix(_STAGING)):
                shutil.rmtree(path, ignore_errors=True)


def _refuse_foreign(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; name a folder for the results")
    if not folder.exists() or (folder / MARK).exists():
        return
    if any(not path.name.startswith(_STAGING) for path in folder.iterdir()):
        raise InputError(f"{folder} holds other files; name a new folder, or one of an earlier run")


def _alive(pid: str) -> bool:
    """Whether a process of that number runs; a killed run's files may be removed."""
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True
