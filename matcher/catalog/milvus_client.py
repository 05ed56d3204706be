"""Connections with Milvus: a cluster at an address, or Milvus Lite in a folder of a generation."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from matcher.errors import BackendError, CatalogError, InputError

TOKEN = "ASWORN_MILVUS_TOKEN"  # environment variable: "user:password" or an API key
TIMEOUT_S = 30.0
CLOSING = "milvus-close"  # name of threads
_LOGGERS = ("pymilvus", "milvus_lite", "grpc")
_shared: weakref.WeakValueDictionary[str, Connection] = weakref.WeakValueDictionary()
_sharing = threading.RLock()


class Connection:
    """A client of one server, for any number of threads; it is closed when nobody holds it any more."""

    def __init__(self, address: str) -> None:
        """Use `connect`."""
        client_class, errors = _library()
        self.errors = errors
        self.address = address
        self.is_lite = not address.startswith(("http://", "https://"))
        token = "" if self.is_lite else os.environ.get(TOKEN, "")
        with self.plain_errors():
            self.client: Any = client_class(uri=address, token=token, timeout=TIMEOUT_S)
        # At the end of the process Milvus Lite sees to itself.
        weakref.finalize(self, _close_aside, self.client, address if self.is_lite else "").atexit = False

    @contextmanager
    def plain_errors(self) -> Iterator[None]:
        """What Milvus says, in one line.

        Raises:
            CatalogError: in place of the client's own errors.
        """
        try:
            yield
        except self.errors as error:
            where = f"Milvus Lite in {self.address}" if self.is_lite else f"Milvus at {self.address}"
            raise CatalogError(f"{where} refuses ({_reason(error)}){self._hint()}") from error

    def _hint(self) -> str:
        if self.is_lite:
            return "; one process at a time can open it: end the other one, or use a Milvus server"
        return f"; is it running, and is {TOKEN} set if it wants one?"


def connect(address: str) -> Connection:
    """A connection, the same one for all who ask for an address while it is held.

    Args:
        address: http(s)://HOST:PORT of a server, or the path of a folder of Milvus Lite, whose name ends in .db.

    Raises:
        BackendError: pymilvus is not installed.
        CatalogError: nobody answers, or another process holds the folder.
    """
    with _sharing:
        found = _shared.get(address)
        if found is None:
            found = _shared[address] = Connection(address)
        return found


def release(folder: Path) -> None:
    """End Milvus Lite in a folder that will be moved; nobody may hold a connection with it."""
    with _sharing:
        _shared.pop(str(folder), None)
        _release(str(folder))


def check_address(address: str) -> str:
    """A server's address that may be written down.

    Raises:
        InputError: it is none, or has a password in it.
    """
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError(f"{address!r} is no address of Milvus; write one such as http://localhost:19530")
    if parts.username is not None or parts.password is not None:
        raise InputError(f"leave user and password out of the address of Milvus; put them into {TOKEN}")
    return address


def require_client() -> None:
    """Make sure that pymilvus is installed, without the seconds that importing it takes.

    Raises:
        BackendError: it is not.
    """
    if importlib.util.find_spec("pymilvus") is None:
        raise BackendError("the kind milvus needs pymilvus, which is not installed: pip install 'asworn[scale]'")


def _library() -> tuple[Any, tuple[type[Exception], ...]]:
    for name in _LOGGERS:  # they print what is raised here as well
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        import grpc
        from pymilvus import MilvusClient
        from pymilvus.exceptions import MilvusException
    except ImportError as error:
        name = error.name or "pymilvus"
        raise BackendError(
            f"the kind milvus needs {name}, which is not installed: pip install 'asworn[scale]'"
        ) from error
    return MilvusClient, (MilvusException, grpc.RpcError, ConnectionError, TimeoutError)


def _close_aside(client: Any, lite: str) -> None:
    """Close in a thread: objects may be collected in the midst of anything, also of what holds the locks of closing."""
    threading.Thread(target=_close, args=(client, lite), name=CLOSING, daemon=True).start()


def _close(client: Any, lite: str) -> None:
    with _sharing, contextlib.suppress(Exception):
        client.close()
        if lite and lite not in _shared:
            _release(lite)


def _release(folder: str) -> None:
    """The client's `close` leaves the server of this process running."""
    with contextlib.suppress(ImportError):
        from milvus_lite.server_manager import server_manager_instance

        server_manager_instance.release_server(folder)


def _reason(error: Exception) -> str:
    text = getattr(error, "message", "") or str(error)
    lines = [line.strip() for line in str(text).splitlines() if line.strip()]
    return lines[0][:200] if lines else type(error).__name__
