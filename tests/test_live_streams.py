"""Streams added, started again and removed while the server runs: by HTTP, and what may be named there."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from matcher.errors import InputError
from matcher.live.control import MOST, Control
from matcher.live.session import Session
from matcher.live.spec import StreamSpec
from matcher.pipeline import Pipeline
from matcher.web.live.hub import Hub
from tests.browser import chromium, page_of, serious
from tests.live.test_apart import Breaks
from tests.live.test_session import shop, toys  # noqa: F401 - fixtures
from tests.live_stage import TOKEN, make_hub, serving, until

PUBLIC = "93.184.216.34"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


def resolver(host: str, port: int) -> list[str]:
    """Names as a network has them."""
    if host == "unknown.example":
        raise OSError("no such name")
    return [{"media.example": PUBLIC, "inside.example": "10.0.0.7", "localhost": "127.0.0.1"}.get(host, host)]


class Stage:
    """A session of toys, a server that may change it, and a client with the token."""

    def __init__(self, shop: Path, session: Session, hub: Hub, url: str) -> None:  # noqa: F811
        self.walk, self.session, self.hub, self.url = str(shop / "walk.mp4"), session, hub, url
        self.client = httpx.Client(base_url=url, headers=HEADERS, timeout=60)

    def add(self, **wanted: object) -> httpx.Response:
        return self.client.post("/api/streams", json=wanted)

    def shows(self, name: str) -> bool:
        cards = self.client.get(f"/api/streams/{name}").json()["cards"]
        return any(card["title"] == "A tops" for card in cards)

    def names(self) -> list[str]:
        return [one["name"] for one in self.client.get("/api/streams").json()]


@pytest.fixture
def make(toys: Pipeline, shop: Path) -> Callable[..., Iterator[Stage]]:  # noqa: F811
    """Makes a stage with a stream "walk" whose server allows what it is told to."""

    @contextmanager
    def made(**allowed: bool) -> Iterator[Stage]:
        hub = make_hub(())
        specs = [StreamSpec(str(shop / "walk.mp4"), "walk", loop=True)]
        with Session(specs, toys, lambda channel: [hub.again(channel.name)]) as session:
            hub.watch(Control(session, [shop / "toy.catalog"], **allowed, resolver=resolver))
            with serving(hub) as server:
                stage = Stage(shop, session, hub, server.url)
                with stage.client:
                    yield stage
            session.live.stop()

    return made


def test_a_stream_comes_is_started_again_and_goes(make: Callable[..., Iterator[Stage]]) -> None:
    with make(paths=True) as stage:
        assert stage.client.get("/api/catalogs").json() == ["toy.catalog"]
        added = stage.add(source=stage.walk, name="second", catalog="toy.catalog", loop=True)
        assert added.status_code == 201 and added.json()["name"] == "second"
        until(lambda: stage.shows("second"))
        assert stage.names() == ["walk", "second"] and stage.client.get("/overlay?stream=second").status_code == 200
        assert 'stream="second"' in stage.client.get("/metrics").text
        shown = stage.client.get("/api/streams/second").json()["cards"][0]["id"]
        stage.client.put("/api/streams/second/pin", params={"product": shown}, json={"on": True})
        before = stage.session.number("second")
        assert stage.client.post("/api/streams/second/restart").status_code == 200
        assert stage.session.number("second") > before
        pinned = stage.client.get("/api/streams/second").json()["cards"]
        assert [card["id"] for card in pinned if card["pinned"]] == [shown], "the page's cards stay as they were wished"
        with connect(stage.url.replace("http", "ws") + "/live/feed/second") as page:
            assert stage.client.delete("/api/streams/second").json() == ["walk"]
            with pytest.raises(ConnectionClosed, match="removed"):
                while True:
                    page.recv(timeout=20)
        assert stage.names() == ["walk"] and stage.client.get("/overlay?stream=second").status_code == 404
        assert 'stream="second"' not in stage.client.get("/metrics").text
        last = stage.client.delete("/api/streams/walk")
        assert last.status_code == 400 and "only stream" in last.json()["detail"]
        assert stage.add(source=stage.walk, name="second").status_code == 201, "the name is free again"


def test_all_of_it_needs_the_token_and_our_own_page(make: Callable[..., Iterator[Stage]]) -> None:
    asked = [("POST", "/api/streams"), ("DELETE", "/api/streams/walk"), ("POST", "/api/streams/walk/restart")]
    with make(paths=True) as stage, httpx.Client(base_url=stage.url) as bare:
        for method, path in (*asked, ("GET", "/api/catalogs")):
            assert bare.request(method, path, json={"source": stage.walk}).status_code == 401
        for method, path in asked:
            strange = {"Origin": "https://evil.example"}
            assert stage.client.request(method, path, json={"source": stage.walk}, headers=strange).status_code == 403
        assert stage.names() == ["walk"]
        described = stage.client.get("/openapi.json").json()
        assert {"get", "post"} <= set(described["paths"]["/api/streams"])
        assert {"get", "delete"} <= set(described["paths"]["/api/streams/{name}"])
        assert "source" in described["components"]["schemas"]["NewStream"]["required"]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("/etc/hostname", "--allow-paths"),
        ("camera:0", "--allow-paths"),
        ("file:///etc/hostname", "addresses start with"),
        ("concat://a|b", "addresses start with"),
        ("rtmp://127.0.0.1/live/x", "--allow-private"),
        ("rtmp://localhost/live/x", "--allow-private"),
        ("http://inside.example/live.m3u8", "--allow-private"),
        ("http://[::1]:8080/x", "--allow-private"),
        ("http://[::ffff:10.0.0.1]/x", "--allow-private"),
        ("rtsp://user:word@169.254.169.254/x", "--allow-private"),
        ("udp://@:1234", "no address"),
        ("udp://0.0.0.0:1234", "--allow-private"),
        ("tcp://93.184.216.34:80?listen=1", "not to listen"),
        ("srt://93.184.216.34:80?mode=listener", "not to listen"),
        ("http://media.example\\@127.0.0.1/x", "no address"),
        ("http://a@media.example@127.0.0.1/x", "no address"),
        ("rtmp://media.example/live tcUrl=rtmp://127.0.0.1", "no address"),
        ("http://media.example:99999/x", "no address"),
        ("http://unknown.example/x", "not known"),
        ("", "name an address"),
        ("rtmp://media.example/" + "x" * 3000, "source"),
    ],
)
def test_what_may_not_be_named(make: Callable[..., Iterator[Stage]], source: str, said: str) -> None:
    with make() as stage:
        answer = stage.add(source=source)
        assert answer.status_code in (400, 422) and said in answer.text and stage.names() == ["walk"]
        assert "word" not in answer.text.split("detail", 1)[1] or answer.status_code == 422, "no password is repeated"


def test_an_address_of_the_internet_may_be_named(make: Callable[..., Iterator[Stage]]) -> None:
    with make() as stage:
        assert stage.add(source="rtmp://media.example/live/key").json()["name"] == "media.example"
        assert stage.hub.board("media.example").state in ("connecting", "lost")


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"source": "nowhere.mp4"}, "no such file"),
        ({"name": "walk"}, "two streams are called"),
        ({"name": "../x"}, "no name for a stream"),
        ({"name": "<b>"}, "no name for a stream"),
        ({"catalog": "/nowhere.catalog"}, "nowhere.catalog"),
        ({"source": "gopher://media.example/x"}, "addresses start with"),
        ({"loop": "perhaps"}, "loop"),
    ],
)
def test_mistakes_are_told_as_the_command_line_tells_them(
    make: Callable[..., Iterator[Stage]], wanted: dict[str, object], said: str
) -> None:
    with make(paths=True, private=True) as stage:
        answer = stage.add(**{"source": stage.walk, "loop": True, **wanted})
        assert answer.status_code in (400, 422, 503) and said in answer.text
        assert stage.names() == ["walk"] and stage.session.status()["walk"].health.state != "failed"


def test_catalogues_by_path_and_too_many_streams(make: Callable[..., Iterator[Stage]]) -> None:
    with make() as stage:
        control = stage.hub.running
        with pytest.raises(InputError, match="there are: toy.catalog; --allow-paths"):
            control.add("rtmp://media.example/x", catalog="/some/other.catalog")
        for number in range(MOST - 1):
            control.add("rtmp://media.example/x", f"s{number}")
        with pytest.raises(InputError, match="remove one first"):
            control.add("rtmp://media.example/x")
        for name in ("nothing", ""):
            with pytest.raises(InputError, match="no stream"):
                control.restart(name)


def test_the_dashboard_adds_and_removes_streams(make: Callable[..., Iterator[Stage]]) -> None:
    with make(paths=True) as stage, chromium() as browser, page_of(browser, stage.url) as page:
        page.goto(f"{stage.url}/?token={TOKEN}")
        page.get_by_label("Source").fill("nowhere.mp4")
        page.get_by_role("button", name="Add").press("Enter")
        shown(page, "#told", "no such file")
        page.get_by_label("Source").fill(stage.walk)
        page.get_by_label("Name", exact=True).fill("second")
        page.get_by_label("Catalogue").fill("toy.catalog")
        page.get_by_label("again and again").check()
        page.get_by_role("button", name="Add").press("Enter")
        shown(page, "#told", "The stream is started.")
        shown(page, "#streams", "A tops")
        assert page.locator("datalist option").get_attribute("value") == "toy.catalog"
        until(lambda: page.get_by_label("Source").input_value() == "")
        assert serious(page) == []
        page.get_by_role("button", name="restart second").press("Enter")
        shown(page, "#told", "second is started anew.")
        page.once("dialog", lambda dialog: dialog.dismiss())
        page.get_by_role("button", name="remove second").press("Enter")
        assert stage.names() == ["walk", "second"]
        page.once("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name="remove second").press("Enter")
        shown(page, "#told", "second is removed.")
        until(lambda: page.locator("#streams h2").all_text_contents() == ["walk"])
        assert page.evaluate("document.activeElement.id") == "title", "who was in the panel is not lost"
        page.once("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name="remove walk").press("Enter")
        shown(page, "#told", "only stream")


def shown(page: Any, place: str, words: str) -> None:
    """Wait until a part of the page has some words."""
    until(lambda: words in page.locator(place).inner_text(), 40)


def test_a_failed_stream_is_told_everywhere_and_started_again(toys: Pipeline, shop: Path) -> None:  # noqa: F811
    hub, walk, broken = make_hub(()), str(shop / "walk.mp4"), iter([[Breaks()], []])

    def sinks(channel: object) -> list:
        return [hub.again(channel.name), *(next(broken) if channel.name == "bad" else [])]

    specs = [StreamSpec(walk, "bad", loop=True), StreamSpec(walk, "good", loop=True)]
    with Session(specs, toys, sinks) as session, serving(hub) as server, ExitStack() as stack:
        hub.watch(Control(session))
        client = stack.enter_context(httpx.Client(base_url=server.url, headers=HEADERS, timeout=60))
        until(lambda: hub.board("bad").state == "failed")
        health = client.get("/health")
        assert health.status_code == 503 and "bad failed: OSError: the disk is full\n" in health.text
        assert "bad failed\n" in httpx.get(f"{server.url}/health").text, "why is for who has the token"
        until(lambda: client.get("/api/streams/bad").json()["ended"])  # its threads come back a little later
        told = client.get("/api/streams/bad").json()
        assert told["state"] == "failed" and told["health"]["reason"] == "OSError: the disk is full"
        assert 'asworn_failed{stream="bad"} 1.0' in client.get("/metrics").text
        assert 'asworn_failed{stream="good"} 0.0' in client.get("/metrics").text and not hub.board("bad").cards()
        assert client.post("/api/streams/bad/restart").status_code == 200
        until(lambda: hub.board("bad").state == "live" and hub.board("bad").cards())
        session.live.stop()


def test_the_command_serves_all_that(shop: Path) -> None:  # noqa: F811
    walk = str(shop / "walk.mp4")
    args = [sys.executable, "-m", "matcher", "live", walk, "gone.mp4", "--loop", "--overlay-port", "0"]
    args += ["--catalog", str(shop / "toy.catalog"), "--bundle", str(shop / "toy"), "--allow-paths"]
    env = {**os.environ, "ASWORN_TOKEN": TOKEN}
    with subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as run:
        try:
            url = re.search(r"dashboard: (http://[^/]+)", run.stdout.readline())[1]
            with httpx.Client(base_url=url, headers=HEADERS, timeout=60) as client:
                states = {one["name"]: one["state"] for one in client.get("/api/streams").json()}
                assert states["gone"] == "failed" and set(states) == {"walk", "gone"}
                assert "no such file" in client.post("/api/streams/gone/restart").json()["detail"]
                wanted = {"source": walk, "name": "other", "loop": True}
                assert client.post("/api/streams", json=wanted).status_code == 201
                until(lambda: client.get("/api/streams/other").json()["cards"], 60)
                assert client.post("/api/streams/walk/restart").status_code == 200
                until(lambda: client.get("/api/streams/walk").json()["cards"], 60)
                assert client.delete("/api/streams/gone").json() == ["walk", "other"]
        finally:
            run.send_signal(signal.SIGTERM)
        said, errors = run.communicate(timeout=60)
    assert run.returncode == 0 and "Traceback" not in errors and "other: " in said, errors
