"""The text of a feed's file, whole or as it is read: UTF-8, UTF-16 with a mark, or what the file declares."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

from matcher.errors import FeedError

MAX_BYTES = 2 << 30
_HEAD = 1 << 16
_CHUNK = 1 << 18
_DECLARED = re.compile(rb"^\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")


def read_head(path: Path) -> str:
    """The first 64 KiB of a file as text, as far as it is text.

    Raises:
        FeedError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return decode(file.read(_HEAD))
    except OSError as error:
        raise _unreadable(path, error) from error


def read_all(path: Path, max_bytes: int = MAX_BYTES) -> str:
    """The text of a file. Bytes that are not UTF-8 become lone surrogates: by them bad rows are told from good ones.

    Raises:
        FeedError: the file cannot be read, or is larger than `max_bytes`.
    """
    try:
        size = path.stat().st_size
        if size > max_bytes:
            raise FeedError(f"{path} is larger than {max_bytes >> 20} MiB; split it")
        return decode(path.read_bytes())
    except OSError as error:
        raise _unreadable(path, error) from error


def stream(path: Path) -> Iterator[str]:
    """The text of a file in pieces, as `read_all`; XML's declaration of the encoding is obeyed.

    Raises:
        FeedError: the file cannot be read, or its encoding is not known.
    """
    try:
        with path.open("rb") as file:
            first = file.read(_CHUNK)
            decoder = codecs.getincrementaldecoder(_encoding(first, path))(errors="surrogateescape")
            data = first
            while data:
                yield decoder.decode(data)
                data = file.read(_CHUNK)
            yield decoder.decode(b"", final=True)
    except OSError as error:
        raise _unreadable(path, error) from error
    except UnicodeError as error:
        raise FeedError(f"{path} is not text in its encoding ({error}); save it as UTF-8") from error


def decode(data: bytes) -> str:
    """The text of bytes; as for `read_all`."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    return data.decode("utf-8", "surrogateescape").removeprefix("\ufeff")


def _encoding(data: bytes, path: Path) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    declared = _DECLARED.match(data.removeprefix(codecs.BOM_UTF8))
    name = declared[1].decode() if declared else "utf-8"
    try:
        found = codecs.lookup(name).name
        "".encode(found)  # refuses codecs that are not of text, such as base64
    except LookupError:
        raise FeedError(f"{path} declares the unknown encoding {name}; save it as UTF-8") from None
    return "utf-8-sig" if found == "utf-8" else found


def _unreadable(path: Path, error: OSError) -> FeedError:
    return FeedError(f"cannot read the feed {path} ({error.strerror})")
