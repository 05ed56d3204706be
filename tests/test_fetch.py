"""Fetching from real servers of this machine: limits, retries, cache; and addresses that must not be connected to."""

from __future__ import annotations

import io
import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpcore
import pytest
from PIL import Image

from indexer.feeds.base import FeedItem, Picture
from indexer.pictures import Loaded, Source, load_ahead
from matcher.fetch import addresses
from matcher.fetch.addresses import Refused, checked, is_public
from matcher.fetch.cache import Cache
from matcher.fetch.fetcher import Fetched, Fetcher, FetchError, FetchOptions
from matcher.fetch.sniff import not_a_picture
from matcher.fetch.transport import CheckedBackend
from matcher.types import Product
from tests.picture_server import PictureServer, cut, dripping, endless, failing, picture, redirect, send, serving

QUICK = FetchOptions(attempts=3, backoff_s=0.01, most_wait_s=0.05, connect_s=2, read_s=2, allow_private=True, fresh_s=0)


@pytest.fixture
def server() -> Iterator[PictureServer]:
    """A server of this machine."""
    with serving() as running:
        yield running


def fetcher(cache: Path | None = None, **options: object) -> Fetcher:
    """A fetcher that is allowed to use this machine, unless told otherwise."""
    return Fetcher(FetchOptions(**{**vars(QUICK), **options}), Cache(cache) if cache else None)


PUBLIC = ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
NOT_PUBLIC = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "255.255.255.255",
    "224.0.0.1",
    "240.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "::1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "2002:7f00:1::",
    "2002:c0a8:101::",
    "2001:db8::1",
    "nonsense",
    "",
]


def test_which_addresses_are_public() -> None:
    assert [text for text in PUBLIC if not is_public(text)] == []
    assert [text for text in NOT_PUBLIC if is_public(text)] == []


@pytest.mark.parametrize("address", [text for text in NOT_PUBLIC if text])
def test_a_name_that_leads_inside_is_refused(address: str) -> None:
    """Also when only one of its addresses does."""
    for answer in ([address], ["93.184.216.34", address]):
        with Fetcher(FetchOptions(attempts=1), resolver=lambda host, port, given=answer: given) as closed:
            with pytest.raises(FetchError, match="the host shop.example leads to .* not a public address"):
                closed.fetch("http://shop.example/a.jpg")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0x7f.1", "2130706433", "127.1"])
def test_this_machine_is_refused_however_it_is_written(server: PictureServer, host: str) -> None:
    server.answers["/a.jpg"] = picture(b"secret")
    with Fetcher(FetchOptions(attempts=1)) as closed, pytest.raises(FetchError):
        closed.fetch(server.url("/a.jpg", host))
    assert not server.requests


def test_a_redirect_that_leads_inside_is_refused(server: PictureServer, monkeypatch: pytest.MonkeyPatch) -> None:
    # 127.0.0.1 stands for a public server here; everything else is judged as it is.
    monkeypatch.setattr(addresses, "is_public", lambda text: text == "127.0.0.1" or is_public(text))
    names = {"shop.example": "127.0.0.1", "inner.example": "10.0.0.7"}

    def resolver(host: str, port: int) -> list[str]:
        return [names.get(host, host)]

    server.answers |= {
        "/name": redirect("http://inner.example/secret"),
        "/address": redirect("http://169.254.169.254/latest/meta-data"),
        "/twice": redirect(server.url("/name", "shop.example")),
        "/file": redirect("file:///etc/passwd"),
        "/data": redirect("data:image/png;base64,AAAA"),
        "/loop": redirect(server.url("/loop", "shop.example")),
        "/fine": redirect("/a.jpg"),
        "/a.jpg": picture(b"body"),
    }
    reasons = {
        "/name": "inner.example leads to 10.0.0.7, which is not",
        "/address": "169.254.169.254 leads to 169.254.169.254, which is not",
        "/twice": "inner.example leads to 10.0.0.7",
        "/file": "not of http or https|not valid",
        "/data": "not of http or https|not valid",
        "/loop": "redirected more than 5 times",
    }
    with Fetcher(FetchOptions(attempts=1), resolver=resolver) as closed:
        for path, reason in reasons.items():
            with pytest.raises(FetchError, match=reason):
                closed.fetch(server.url(path, "shop.example"))
        assert closed.fetch(server.url("/fine", "shop.example")).data == b"body"


def test_a_name_is_asked_once_and_its_checked_address_connected_to(
    server: PictureServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: a name that is public when it is checked and private when it is used."""
    monkeypatch.setattr(addresses, "is_public", lambda text: text == "127.0.0.1" or is_public(text))
    asked = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    server.answers["/a.jpg"] = lambda request: send(request, 200, b"body", Connection="close")
    with Fetcher(FetchOptions(attempts=1), resolver=rebinding) as closed:
        # A system's resolver that knows the name must not be asked either.
        monkeypatch.setattr(socket, "getaddrinfo", _only_addresses(socket.getaddrinfo))
        assert closed.fetch(server.url("/a.jpg", "rebind.example")).data == b"body"
        assert asked == ["rebind.example"]
        with pytest.raises(FetchError, match="leads to 10.0.0.1"):
            closed.fetch(server.url("/a.jpg", "rebind.example"))


def _only_addresses(real: object) -> object:
    def getaddrinfo(host: str, *arguments: object, **named: object) -> object:
        socket.inet_aton(host)  # raises for a name
        return real(host, *arguments, **named)

    return getaddrinfo


def test_sockets_of_this_machine_and_empty_answers_are_refused() -> None:
    with pytest.raises(Refused):
        CheckedBackend().connect_unix_socket("/run/docker.sock")
    with pytest.raises(Refused, match="has no address"):
        checked("shop.example", 80, lambda host, port: [], allow_private=True)
    with pytest.raises(httpcore.ConnectError, match="not known"):
        CheckedBackend(_unknown).connect_tcp("shop.example", 80)


def _unknown(host: str, port: int) -> list[str]:
    raise OSError("no such name")


def test_the_next_address_is_tried(server: PictureServer) -> None:
    server.answers["/a.jpg"] = picture(b"body")
    with Fetcher(QUICK, resolver=lambda host, port: ["127.0.0.9", "127.0.0.1"]) as both:
        assert both.fetch(server.url("/a.jpg", "shop.example")).data == b"body"


BAD_ANSWERS = [
    # (path, what the server does, options, reason)
    ("/gone", None, {}, "the server says 404 Not Found"),
    ("/busy", failing(99, 503, picture(b"")), {}, "the server says 503"),
    ("/large", picture(bytes(5000)), {"max_bytes": 4000}, "is larger than 0.00381 MiB"),
    ("/endless", endless, {"max_bytes": 1 << 20}, "is larger than 1 MiB"),
    ("/slow", dripping(bytes(1000), 0.02), {"total_s": 0.15, "attempts": 1}, "takes too long"),
    ("/silent", dripping(bytes(3), 1.0), {"read_s": 0.1, "attempts": 1}, "does not answer in time"),
    ("/cut", cut(bytes(1000)), {}, "the connection failed"),
    ("/none", lambda request: send(request, 204), {}, "the server says 204"),
    ("/part", lambda request: send(request, 206, b"x"), {}, "the server says 206"),
    ("/stray", lambda request: send(request, 304), {}, "the server says 304"),
    ("/zip", lambda request: send(request, 200, b"x", Content_Encoding="gzip"), {}, "is sent compressed"),
]


@pytest.mark.parametrize(("path", "answer", "options", "reason"), BAD_ANSWERS, ids=[row[0] for row in BAD_ANSWERS])
def test_bad_answers_have_reasons(server: PictureServer, path: str, answer: object, options: dict, reason: str) -> None:
    if answer is not None:
        server.answers[path] = answer
    with fetcher(**options) as asking, pytest.raises(FetchError, match=reason):
        asking.fetch(server.url(path))


def test_nobody_at_home() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening
        with fetcher() as asking, pytest.raises(FetchError, match="the connection failed"):
            asking.fetch(f"http://127.0.0.1:{taken.getsockname()[1]}/")
    with fetcher() as asking, pytest.raises(FetchError, match="not valid"):
        asking.fetch("http://[::1/")


def test_failures_that_pass_are_tried_again(server: PictureServer) -> None:
    for code in (429, 500, 502, 503, 504):
        server.answers[f"/{code}"] = failing(2, code, picture(b"body"), Retry_After="1")
        with fetcher() as asking:
            assert asking.fetch(server.url(f"/{code}")).data == b"body"
        assert server.requests[f"/{code}"] == 3
    with fetcher() as asking, pytest.raises(FetchError):
        asking.fetch(server.url("/gone"))
    assert server.requests["/gone"] == 1


def test_no_more_requests_at_a_time_than_allowed(server: PictureServer) -> None:
    server.answers["/a"] = dripping(b"xxxx", 0.01)
    with fetcher(per_host=3, concurrency=12) as asking, ThreadPoolExecutor(12) as pool:
        assert {one.data for one in pool.map(asking.fetch, [server.url("/a")] * 24)} == {b"xxxx"}
    assert 1 <= server.most_at_once <= 3


@pytest.mark.parametrize("mark", [{"etag": '"1"'}, {"modified": "Sat, 21 Nov 2026 10:00:00 GMT"}])
def test_the_cache_asks_whether_it_is_still_good(server: PictureServer, tmp_path: Path, mark: dict) -> None:
    server.answers["/a"] = picture(b"one", **mark)
    for _ in range(2):
        with fetcher(tmp_path) as asking:
            assert asking.fetch(server.url("/a")) == Fetched(b"one")
    server.answers["/a"] = picture(b"two", etag='"2"')
    with fetcher(tmp_path) as asking:
        assert asking.fetch(server.url("/a")).data == b"two"
    assert server.requests["/a"] == 3


def test_what_was_just_fetched_is_not_asked_for(server: PictureServer, tmp_path: Path) -> None:
    """So a build that was killed goes on where it was."""
    server.answers["/a"] = picture(b"one")
    for _ in range(3):
        with fetcher(tmp_path, fresh_s=60.0) as asking:
            assert asking.fetch(server.url("/a")).data == b"one"
    assert server.requests["/a"] == 1


def test_an_earlier_copy_stands_in_for_a_server_that_is_down(server: PictureServer, tmp_path: Path) -> None:
    server.answers["/a"] = failing(0, 503, picture(b"one"))
    with fetcher(tmp_path) as asking:
        asking.fetch(server.url("/a"))
        server.answers["/a"] = failing(99, 503, picture(b"two"))
        assert asking.fetch(server.url("/a")) == Fetched(b"one", stale=True)
        # What is gone for good is gone.
        del server.answers["/a"]
        with pytest.raises(FetchError, match="404"):
            asking.fetch(server.url("/a"))


def test_a_damaged_cache_is_fetched_again(server: PictureServer, tmp_path: Path) -> None:
    server.answers["/a"] = picture(b"one", etag='"1"')
    with fetcher(tmp_path, fresh_s=60.0) as asking:
        for damage in (b"", b"{}\n", b'{"url": 1}\none', b"\xff\xfe\n"):
            asking.fetch(server.url("/a"))
            (kept,) = tmp_path.rglob("*.fetched")
            kept.write_bytes(damage)
            assert asking.fetch(server.url("/a")).data == b"one"
        kept.write_bytes(kept.read_bytes()[:-1] + b"x")
        assert asking.fetch(server.url("/a")).data == b"one"
    assert server.requests["/a"] == 6
    assert not list(tmp_path.rglob("*.part"))


def test_the_cache_is_trimmed_oldest_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    for i in range(4):
        cache.put(f"http://shop.example/{i}", bytes(1000))
        os.utime(cache._path(f"http://shop.example/{i}"), (i, i))
    assert cache.trim(3000) == 2
    assert [cache.get(f"http://shop.example/{i}") is not None for i in range(4)] == [False, False, True, True]


def load(server: PictureServer, *paths: str) -> list[Loaded]:
    """What becomes of pictures at these paths."""
    pictures = tuple(Picture(i, path, url=server.url(path)) for i, path in enumerate(paths))
    with fetcher() as asking:
        return list(load_ahead([FeedItem(1, Product("1"), pictures)], Source(fetcher=asking)))


def test_pictures_are_upright_and_what_is_none_is_said(server: PictureServer) -> None:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    Image.new("RGB", (40, 20), "red").save(file, "JPEG", exif=exif)
    server.answers |= {
        "/turned.jpg": picture(file.getvalue()),
        "/page.jpg": picture(b"<!DOCTYPE html><html>Sorry"),
        "/drawing.svg": picture(b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>'),
        "/empty.jpg": picture(b""),
        "/half.jpg": picture(file.getvalue()[:300]),
    }
    found = load(server, "/turned.jpg", "/page.jpg", "/drawing.svg", "/empty.jpg", "/half.jpg", "/gone.jpg")
    assert found[0].image.shape == (40, 20, 3) and not found[0].error
    assert [one.error.partition(": ")[2][:28] for one in found[1:]] == [
        "is a web page; give JPEG, PN",
        "is an SVG drawing; give JPEG",
        "is empty",
        "the picture is damaged (Trun",
        "the server says 404 Not Foun",
    ]


def test_stopping_ends_the_requests(server: PictureServer) -> None:
    server.answers["/a"] = dripping(bytes(3000), 0.02)
    with fetcher() as asking, ThreadPoolExecutor(1) as pool:
        running = pool.submit(asking.fetch, server.url("/a"))
        while not server.requests:
            assert not running.done()
        asking.stop()
        with pytest.raises(FetchError, match="was stopped"):
            running.result()


BEGINNINGS = [
    (b"\xff\xd8\xff\xe0", ""),
    (b"  <HTML>", "a web page"),
    (b'{"error": 1}', "JSON"),
    (b"%PDF-1.7", "a PDF document"),
    (b"\0\0\0\x18ftypheic", "a HEIC picture"),
    (b"\0\0\0\x18ftypavif", ""),
    (b"\0\0\0\x18ftypisom", "a video"),
    (b"\x1f\x8b\x08", "an archive"),
    (b"", "is empty"),
    (b"plain", ""),
]


@pytest.mark.parametrize(("data", "expected"), BEGINNINGS)
def test_what_bytes_are(data: bytes, expected: str) -> None:
    said = not_a_picture(data)
    assert bool(said) == bool(expected) and expected in said
