"""One writer at a time: a lock file that says who holds it."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

from matcher.errors import CatalogError


class WriterLock:
    """An advisory lock (`flock`) on a file. The system drops it when the process dies, however it dies."""

    def __init__(self, path: Path) -> None:
        """Take the lock at once.

        Raises:
            CatalogError: somebody else holds it; the message says who.
        """
        self._path = path
        self._handle = _acquire(path)
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": _now()}
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, json.dumps(holder).encode(), 0)

    def release(self) -> None:
        """Give the lock back and remove its file. Calling it twice is harmless."""
        if self._handle is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._handle)
            self._handle = None


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _acquire(path: Path) -> int | None:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = _describe_holder(handle)
            os.close(handle)
            raise CatalogError(f"{path.parent} is being written by {holder}; wait for it, or stop it") from None
        # The holder before us removes the file: a lock on a removed file protects nothing, so try again.
        if _is_same_file(handle, path):
            return handle
        os.close(handle)


def _is_same_file(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False


def _describe_holder(handle: int) -> str:
    try:
        holder = json.loads(os.pread(handle, 4096, 0))
        return f"process {holder['pid']} on {holder['host']} since {holder['since']}"
    except (ValueError, KeyError, TypeError):
        return "another process"
