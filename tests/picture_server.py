"""A real HTTP server of this machine whose answers a test chooses, path by path."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[[BaseHTTPRequestHandler], None]


class PictureServer:
    """Answers GET; counts requests and how many were under way at a time."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.requests: Counter[str] = Counter()
        self.most_at_once = 0
        self._now = 0
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server._begin(self.path)
                try:
                    server.answers.get(self.path, not_found)(self)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True
                finally:
                    server._end()

            def log_message(self, *arguments: object) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, request: object, client_address: object) -> None:
                """A client that hangs up is none."""

        self._http = Server(("127.0.0.1", 0), Handler)
        self.port = self._http.server_port
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        """The address of a path."""
        return f"http://{host}:{self.port}{path}"

    def close(self) -> None:
        """Stop serving; harmless when it is stopped."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def _begin(self, path: str) -> None:
        with self._lock:
            self.requests[path] += 1
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)

    def _end(self) -> None:
        with self._lock:
            self._now -= 1


@contextmanager
def serving() -> Iterator[PictureServer]:
    """A server for the length of a block."""
    server = PictureServer()
    try:
        yield server
    finally:
        server.close()


def send(request: BaseHTTPRequestHandler, code: int, body: bytes = b"", **headers: str) -> None:
    """A plain answer; underscores in the names of headers stand for dashes."""
    request.send_response(code)
    for name, text in {"Content_Length": str(len(body)), **headers}.items():
        request.send_header(name.replace("_", "-"), text)
    request.end_headers()
    request.wfile.write(body)


def not_found(request: BaseHTTPRequestHandler) -> None:
    """404."""
    send(request, 404, b"<html>gone</html>")


def picture(body: bytes, etag: str = "", modified: str = "") -> Answer:
    """A body with its mark; 304 to who has it already."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        known = request.headers.get("If-None-Match") == etag if etag else False
        known = known or bool(modified) and request.headers.get("If-Modified-Since") == modified
        headers = {name: text for name, text in (("ETag", etag), ("Last_Modified", modified)) if text}
        send(request, 304 if known else 200, b"" if known else body, **headers)

    return answer


def failing(times: int, code: int, then: Answer, **headers: str) -> Answer:
    """A failure the first few times."""
    count = [0]

    def answer(request: BaseHTTPRequestHandler) -> None:
        count[0] += 1
        if count[0] <= times:
            send(request, code, **headers)
        else:
            then(request)

    return answer


def redirect(target: str) -> Answer:
    """302 to an address."""
    return lambda request: send(request, 302, Location=target)


def dripping(body: bytes, wait_s: float) -> Answer:
    """A byte at a time."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        for i in range(len(body)):
            request.wfile.write(body[i : i + 1])
            request.wfile.flush()
            time.sleep(wait_s)

    return answer


def cut(body: bytes) -> Answer:
    """Half of what was promised."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body[: len(body) // 2])
        request.close_connection = True

    return answer


def endless(request: BaseHTTPRequestHandler) -> None:
    """Chunk after chunk, no length said."""
    request.send_response(200)
    request.send_header("Transfer-Encoding", "chunked")
    request.end_headers()
    while True:
        request.wfile.write(b"10000\r\n" + bytes(1 << 16) + b"\r\n")
