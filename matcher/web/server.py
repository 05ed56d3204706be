"""Serves an app: here until Ctrl-C, or in a thread beside other work."""

from __future__ import annotations

import errno
import ipaddress
import logging
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

import uvicorn
from fastapi import FastAPI

from matcher.errors import InputError, MatcherError

HOST = "127.0.0.1"
_STOP_S = 3  # open streams and WebSockets have so long to end
_START_S = 60.0
_CONNECTIONS = 512
_MESSAGE_BYTES = 1 << 20


def serve(app: FastAPI, host: str = HOST, port: int = 0, ready: Callable[[str], None] | None = None) -> None:
    """Serve until Ctrl-C or SIGTERM; returns when every connection has ended and the app's lifespan too.

    Args:
        app: as made by `matcher.web.base.web_app`.
        host: address to listen at; only this machine reaches 127.0.0.1.
        port: 0 = one that is free.
        ready: called with the address of the server, such as "http://127.0.0.1:8000", once it answers.

    Raises:
        InputError: nothing can listen there, with the reason.
    """
    listening = listen(host, port)
    server = _Server(app, (lambda: ready(url_of(listening))) if ready else None)
    with listening:
        try:
            server.run([listening])
        except KeyboardInterrupt:
            return  # the usual way to end it
    server.check()


class Serving:
    """A server in a thread of its own, as a context manager.

    Example:
        with Serving(app, port=8765) as server:
            print(server.url)

    Attributes:
        url: e.g. "http://127.0.0.1:8765".
        port: the number, also where 0 was asked for.
    """

    def __init__(self, app: FastAPI, host: str = HOST, port: int = 0) -> None:
        """Take the port now; it is served inside the block.

        Raises:
            InputError: nothing can listen there.
        """
        self._listening = listen(host, port)
        self.url, self.port = url_of(self._listening), self._listening.getsockname()[1]
        self._ready = threading.Event()
        self._server = _Server(app, self._ready.set)
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(_START_S)
        try:
            self._server.check()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End all connections and the thread; harmless when it has ended."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join()
        self._listening.close()

    def _run(self) -> None:
        try:
            self._server.run([self._listening])
        except SystemExit:
            logging.getLogger(__name__).error("the web server has stopped")
        finally:
            self._ready.set()


class _Server(uvicorn.Server):
    """Uvicorn that tells when it answers, and raises no SystemExit on us."""

    def __init__(self, app: FastAPI, ready: Callable[[], None] | None) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                http="h11",
                ws="websockets-sansio",  # the older one is deprecated
                ws_max_size=_MESSAGE_BYTES,
                limit_concurrency=_CONNECTIONS,
                timeout_graceful_shutdown=_STOP_S,
                # Whoever says that somebody else asks (X-Forwarded-For) is not believed.
                proxy_headers=False,
            )
        )
        self._when_ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        if self.started and self._when_ready is not None:
            self._when_ready()

    def check(self) -> None:
        """Raise where the app could not begin; its log has said why."""
        if not self.started:
            raise MatcherError("the web server could not start; the lines above say why")


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        InputError: the port is in use or not allowed, or the address is not one of this machine.
    """
    try:
        family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (socket.gaierror, UnicodeError, OverflowError) as error:
        raise InputError(f"{host!r} is no address of this machine; leave it out, or give 0.0.0.0 for all") from error
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(place)
        listening.listen(256)
    except OSError as error:
        listening.close()
        raise InputError(_why_not(error, host, port)) from error
    return listening


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is in use; choose another one, or stop what uses it"
    if error.errno == errno.EACCES:
        return f"port {port} needs rights that you do not have; choose one above 1023"
    return f"cannot listen at {host} port {port}: {error.strerror or error}"


def url_of(listening: socket.socket) -> str:
    """The address to open for a socket: of one that listens everywhere, this machine's own."""
    host, port = listening.getsockname()[:2]
    address = ipaddress.ip_address(host.partition("%")[0])
    if address.is_unspecified:
        return f"http://localhost:{port}"
    return f"http://[{host}]:{port}" if address.version == 6 else f"http://{host}:{port}"
