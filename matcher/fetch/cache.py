"""Fetched bodies on the disk, by address, with what the server needs to say that nothing changed (its ETag)."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

_SUFFIX = ".fetched"
_MAX_HEAD = 16 << 10


@dataclass(frozen=True)
class Entry:
    """A body that was fetched.

    Attributes:
        url: its address.
        etag, modified: the server's `ETag` and `Last-Modified`; "" = none.
        sha256: of the body.
        data: the body.
        age_s: seconds since it was fetched, or since the server said that it is still good.
    """

    url: str
    etag: str
    modified: str
    sha256: str
    data: bytes
    age_s: float


class Cache:
    """A folder of entries, one file each: a line of JSON and the body. Written atomically, checked when read."""

    def __init__(self, folder: Path) -> None:
        """Name the folder; it is made with the first entry."""
        self._folder = folder

    def get(self, url: str) -> Entry | None:
        """The entry of an address; None where there is none, or a damaged one."""
        path = self._path(url)
        try:
            with path.open("rb") as file:
                head = json.loads(file.readline(_MAX_HEAD))
                data = file.read()
                age = time.time() - os.fstat(file.fileno()).st_mtime
            entry = Entry(head["url"], head["etag"], head["modified"], head["sha256"], data, age)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return entry if entry.url == url and hashlib.sha256(data).hexdigest() == entry.sha256 else None

    def put(self, url: str, data: bytes, etag: str = "", modified: str = "") -> None:
        """Keep a body. A disk that refuses is no failure: then nothing is kept."""
        head = asdict(Entry(url, etag[:1000], modified[:100], hashlib.sha256(data).hexdigest(), b"", 0.0))
        head = {name: head[name] for name in ("url", "etag", "modified", "sha256")}
        path = self._path(url)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
            with os.fdopen(handle, "wb") as file:
                file.write(json.dumps(head).encode() + b"\n" + data)
            os.replace(temporary, path)
        except OSError:
            return

    def touch(self, url: str) -> None:
        """Note that the server says that the entry is still good."""
        try:
            os.utime(self._path(url))
        except OSError:
            return

    def trim(self, max_bytes: int) -> int:
        """Remove the entries that were of use the longest ago, until the rest fits; the number removed."""
        files = sorted(self._files(), reverse=True)
        total, removed = 0, 0
        for _, size, path in files:
            total += size
            if total > max_bytes:
                path.unlink(missing_ok=True)
                removed += 1
        return removed

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        for path in self._folder.glob(f"*/*{_SUFFIX}"):
            try:
                status = path.stat()
            except OSError:
                continue
            yield status.st_mtime, status.st_size, path

    def _path(self, url: str) -> Path:
        name = hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()
        return self._folder / name[:2] / f"{name}{_SUFFIX}"


def default_folder() -> Path:
    """Where fetched pictures are kept: the user's cache folder (XDG)."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "asworn" / "pictures"
