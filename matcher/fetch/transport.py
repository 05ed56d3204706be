"""An httpx transport that connects only to addresses that were checked: to these very addresses, not to a name.

The check stands where connections are opened, so it also covers redirects and names whose answer changes between a
check and a use (DNS rebinding). TLS still verifies the name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import httpcore
import httpx

from matcher.fetch.addresses import Refused, Resolver, checked, resolve


class CheckedBackend(httpcore.NetworkBackend):
    """Opens connections to checked addresses."""

    def __init__(self, resolver: Resolver = resolve, allow_private: bool = False) -> None:
        """Say who resolves names, and whether addresses that are not public are allowed."""
        self._resolver = resolver
        self._allow_private = allow_private
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address of a host that answers.

        Raises:
            Refused: an address is not public.
            httpcore.ConnectError: the name is not known, or nobody answers.
        """
        try:
            addresses = checked(host, port, self._resolver, self._allow_private)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"the host {host} is not known") from error
        for last, address in enumerate(addresses, 1 - len(addresses)):
            try:
                return self._plain.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if not last:
                    raise
        raise Refused(f"the host {host} has no address")

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        """Never: nothing on this machine is connected to."""
        raise Refused("sockets of this machine are not connected to")

    def sleep(self, seconds: float) -> None:
        """See `httpcore.NetworkBackend`."""
        self._plain.sleep(seconds)


class CheckedTransport(httpx.BaseTransport):
    """Sends requests over connections of a backend, by HTTP/1.1. Proxies of the environment are not used."""

    def __init__(self, backend: httpcore.NetworkBackend, max_connections: int) -> None:
        """Take the backend and how many connections may be open at a time."""
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(trust_env=False),
            max_connections=max_connections,
            max_keepalive_connections=max_connections,
            keepalive_expiry=30.0,
            network_backend=backend,
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """See `httpx.BaseTransport`; errors of httpcore come through as they are."""
        url = request.url
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        sent = httpcore.Request(
            request.method, target, headers=request.headers.raw, content=request.stream, extensions=request.extensions
        )
        answer = self._pool.handle_request(sent)
        return httpx.Response(
            answer.status, headers=answer.headers, stream=_Stream(answer.stream), extensions=answer.extensions
        )

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()


class _Stream(httpx.SyncByteStream):
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        yield from self._stream

    def close(self) -> None:
        self._stream.close()
