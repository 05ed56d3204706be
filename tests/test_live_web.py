"""The streamer's server by HTTP and WebSocket: who may do what, and what comes back."""

from __future__ import annotations

import json
import xml.etree.ElementTree
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from matcher.web.live.chat import fit_text
from matcher.web.live.message import key_of
from matcher.web.server import Serving
from tests.live_stage import PRODUCTS, TOKEN, Actor, make_hub, serving, until

KEYS = [key_of(product.id) for product in PRODUCTS]


class Stage:
    """A server with one actor, and a client that has the token."""

    def __init__(self, server: Serving, actor: Actor, hub: object) -> None:
        self.server, self.actor, self.hub, self.board = server, actor, hub, actor.board
        self.client = httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {TOKEN}"})

    def shown(self) -> set[str]:
        return {card.product.id for card in self.board.cards()}

    def put(self, path: str, on: bool, **query: str) -> httpx.Response:
        return self.client.put(path, params=query, json={"on": on})

    def feed(self, **known: object) -> ClientConnection:
        query = "&".join(f"{name}={value}" for name, value in known.items())
        return connect(self.server.url.replace("http", "ws") + f"/live/feed/cam?{query}")


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    hub = make_hub(("cam", "second"), blocked=tmp_path / "blocked.json")
    with serving(hub) as server, Actor(hub.board("cam")) as actor:
        until(lambda: actor.board.cards())
        stage = Stage(server, actor, hub)
        with stage.client:
            yield stage


def told(socket: ClientConnection, kind: str) -> dict:
    while (message := json.loads(socket.recv(timeout=20)))["k"] != kind:
        pass
    return message


def news(socket: ClientConnection) -> dict:
    """The next message that is not only a sign of life."""
    while (message := json.loads(socket.recv(timeout=20)))["k"] == "beat":
        pass
    return message


def test_pages_and_their_policy(stage: Stage) -> None:
    for path in ("/overlay", "/overlay/settings", "/overlay?stream=second", "/overlay?demo=1"):
        answer = stage.client.get(path)
        policy = answer.headers["content-security-policy"]
        assert answer.status_code == 200 and "default-src 'none'" in policy and "script-src 'self';" in policy
        assert "http" not in policy and "*" not in policy and "unsafe-eval" not in policy
        assert "<script>" not in answer.text and " style=" not in answer.text
    assert stage.client.get("/overlay?stream=nothing").status_code == 404
    assert "unsafe-inline" not in stage.client.get("/").headers["content-security-policy"]


def test_who_has_no_token_sees_the_overlay_alone(stage: Stage) -> None:
    with httpx.Client(base_url=stage.server.url) as bare:
        assert bare.get("/").status_code == 401 and "token" in bare.get("/").text
        for method, path in (("GET", "/api/streams"), ("GET", "/api/blocked"), ("PUT", "/api/streams/cam/pause")):
            assert bare.request(method, path, json={"on": True} if method == "PUT" else None).status_code == 401
        assert bare.put("/api/blocked/type?name=tops", json={"on": True}).status_code == 401 and stage.shown()
        assert all(bare.get(path).status_code == 200 for path in ("/overlay", "/chat", "/metrics"))


def test_pages_of_other_sites_may_do_nothing(stage: Stage) -> None:
    strange = {"Origin": "https://evil.example"}
    assert stage.client.put("/api/streams/cam/pause", json={"on": True}, headers=strange).status_code == 403
    with pytest.raises(InvalidStatus):
        connect(stage.server.url.replace("http", "ws") + "/live/feed/cam", origin="https://evil.example")
    assert stage.client.get("/overlay", headers={"Host": "evil.example"}).status_code == 421


def test_control(stage: Stage) -> None:
    assert stage.put("/api/streams/cam/pause", True).json()["state"] == "paused" and stage.shown() == set()
    assert stage.put("/api/streams/cam/pause", False).status_code == 200
    until(lambda: stage.shown() == {"w-1"})
    assert stage.put("/api/streams/cam/pin", True, product="w-3").status_code == 200
    assert stage.shown() == {"w-1", "w-3"}, "pinned by its id in the catalogue, never seen"
    assert stage.put("/api/streams/cam/pin", False, product=key_of("w-3")).status_code == 200
    until(lambda: stage.shown() == {"w-1"})
    hidden = stage.put("/api/streams/cam/hide", True, product=KEYS[0]).json()["hidden"]
    assert [one["id"] for one in hidden] == [KEYS[0]] and stage.shown() == set()
    stage.put("/api/streams/cam/hide", False, product=KEYS[0])
    until(lambda: stage.shown() == {"w-1"})
    assert stage.put("/api/blocked/brand", True, name="marlow").json()["brands"] == ["marlow"] and not stage.shown()
    assert stage.put("/api/blocked/brand", False, name="marlow").json()["brands"] == []
    until(lambda: stage.shown() == {"w-1"})
    assert stage.put("/api/streams/cam/block", True, product=KEYS[0]).status_code == 200 and not stage.shown()
    assert stage.client.get("/api/blocked").json()["products"] == ["w-1"]


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/api/streams/nothing/pause", {}),
        ("/api/streams/cam/pin", {"product": "nothing"}),
        ("/api/streams/cam/pin", {}),
        ("/api/streams/cam/hide", {"product": "x" * 400}),
        ("/api/blocked/colour", {"name": "red"}),
        ("/api/blocked/type", {"name": "shirts"}),
    ],
)
def test_mistakes_are_told(stage: Stage, path: str, query: dict[str, str]) -> None:
    answer = stage.put(path, True, **query)
    assert answer.status_code in (400, 422) and answer.json()["detail"]
    assert stage.shown() == {"w-1"}


def test_the_api_tells_what_is_on_screen(stage: Stage) -> None:
    streams = stage.client.get("/api/streams").json()
    assert [one["name"] for one in streams] == ["cam", "second"] and streams[0]["state"] == "live"
    card = streams[0]["cards"][0]
    assert card["title"] == "Rust <b>overshirt</b>" and card["price"] == "89.00 EUR" and card["tier"] == "exact"
    assert stage.client.get("/api/streams/cam").json()["cards"][0]["id"] == KEYS[0]
    assert "/api/streams" in stage.client.get("/openapi.json").json()["paths"]


def test_a_feed_tells_cards_and_boxes_and_answers_for_the_time(stage: Stage) -> None:
    with stage.feed() as socket:
        cards = told(socket, "cards")
        assert [card["id"] for card in cards["cards"]] == [KEYS[0]] and cards["size"] == [320, 180]
        boxes = [told(socket, "boxes") for _ in range(5)]
        assert [one["seq"] for one in boxes] == sorted({one["seq"] for one in boxes}) and list(boxes[0]["b"]) == KEYS[
            :1
        ]
        for nonsense in ("x" * 1000, "[1]", '{"k":"ping","c":"a"}', "{"):
            socket.send(nonsense)
        socket.send('{"k":"ping","c":12.5}')
        assert told(socket, "pong")["c"] == 12.5
        stage.actor.worn = [1]
        while [card["id"] for card in cards["cards"]] != [KEYS[1]]:
            before, cards = cards["version"], told(socket, "cards")
            assert cards["version"] > before


def test_a_page_that_comes_back_goes_on_where_it_was(stage: Stage) -> None:
    with stage.feed() as socket:
        cards, boxes = told(socket, "cards"), told(socket, "boxes")
    known = {"epoch": cards["epoch"], "version": cards["version"], "seq": boxes["seq"]}
    with stage.feed(**known) as socket:
        first = news(socket)
        assert first["k"] == "boxes" and first["seq"] > boxes["seq"], "the cards are known already"
    stage.actor.worn = [0, 1]
    until(lambda: stage.shown() == {"w-1", "w-2"})
    with stage.feed(**known) as socket:
        again = news(socket)
        assert again["k"] == "cards" and again["version"] > cards["version"] and len(again["cards"]) == 2
    with stage.feed(**{**known, "epoch": "another"}) as socket:
        assert news(socket)["k"] == "cards"


def test_a_page_that_forgot_is_told_again(stage: Stage) -> None:
    with stage.feed() as socket:
        first = told(socket, "cards")
        socket.send('{"k":"again"}')
        assert told(socket, "cards") == first


def test_a_quiet_server_says_that_it_is_there_and_never_that_an_old_card_is_right(stage: Stage) -> None:
    with connect(stage.server.url.replace("http", "ws") + "/live/feed/second") as socket:
        assert [told(socket, kind)["k"] for kind in ("cards", "beat", "beat")] == ["cards", "beat", "beat"]
    stage.board.pin("w-3", True)
    with stage.feed() as socket:
        told(socket, "cards")
        stage.actor.worn = []
        while len(cards := told(socket, "cards")["cards"]) > 1:
            pass
        assert [card["title"] for card in cards] == ["Tote & bag"]


def test_feeds_are_bounded(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("matcher.web.live.feed.MOST_PAGES", 2)
    with ExitStack() as pages:
        for _ in range(2):
            told(pages.enter_context(stage.feed()), "cards")
        with stage.feed() as socket, pytest.raises(ConnectionClosed):
            socket.recv(timeout=20)
    until(lambda: stage.board.journal.listeners == 0)


def test_photos_and_qr_codes(stage: Stage) -> None:
    photo = stage.client.get(f"/live/photo/cam/{KEYS[0]}.jpg")
    image = cv2.imdecode(np.frombuffer(photo.content, np.uint8), cv2.IMREAD_COLOR)
    assert photo.headers["content-type"] == "image/jpeg" and image is not None, "the worn garment stands in for a photo"
    unchanged = {"If-None-Match": photo.headers["etag"]}
    assert stage.client.get(f"/live/photo/cam/{KEYS[0]}.jpg", headers=unchanged).status_code == 304
    code = stage.client.get(f"/live/qr/cam/{KEYS[0]}.svg")
    assert xml.etree.ElementTree.fromstring(code.content).tag.endswith("svg") and b"script" not in code.content
    stage.actor.worn = [1]
    until(lambda: stage.shown() == {"w-2"})
    for path in (f"/live/qr/cam/{KEYS[1]}.svg", f"/live/qr/cam/{KEYS[2]}.svg", "/live/photo/cam/%2e%2e%2fx.jpg"):
        assert stage.client.get(path).status_code == 404, "no link, never seen, not there"


def test_a_qr_code_says_the_link(stage: Stage) -> None:
    from matcher.web.live.qr import qr_svg

    svg = xml.etree.ElementTree.fromstring(qr_svg("https://shop.example/1?utm_source=twitch"))
    side = int(svg.attrib["viewBox"].split()[2])
    image = np.full((side, side), 255, np.uint8)
    # The dark modules are runs of a path of relative moves, one unit wide.
    x = y = 0.0
    path = next(one.attrib["d"] for one in svg.iter() if one.attrib.get("class") == "qrline")
    for verb, values in _moves(path):
        if verb == "M":
            x, y = values
        elif verb == "m":
            x, y = x + values[0], y + values[1]
        else:
            image[int(y), int(x) : int(x + values[0])] = 0
            x += values[0]
    large = cv2.resize(image, None, fx=8, fy=8, interpolation=cv2.INTER_NEAREST)
    assert cv2.QRCodeDetector().detectAndDecode(large)[0] == "https://shop.example/1?utm_source=twitch"
    assert qr_svg("https://shop.example/" + "x" * 5000) == b""


def _moves(path: str) -> Iterator[tuple[str, list[float]]]:
    import re

    for verb, text in re.findall(r"([Mmh])([^Mmh]*)", path):
        yield verb, [float(value) for value in text.replace(",", " ").split()]


def test_chat_text(stage: Stage) -> None:
    stage.actor.worn = [0, 1, 2]
    until(lambda: len(stage.shown()) == 3)
    text = stage.client.get("/chat/cam").text
    assert "Rust <b>overshirt</b>, 89.00 EUR https://shop.example/1" in text and "javascript" not in text
    assert "Indigo jeans" in text and text.endswith("(Ad: we earn)") and "\n" not in text
    for longest in range(20, 200):
        short = fit_text(stage.board, longest)
        assert len(short) <= longest and ("bags.example" not in short or short.endswith("(Ad: we earn)"))
    assert stage.client.get("/chat?longest=99999").status_code == 200
    stage.actor.worn = []
    until(lambda: not stage.shown())
    assert "Nothing" in stage.client.get("/chat").text


def test_metrics_and_health(stage: Stage) -> None:
    families = {one.name: one for one in text_string_to_metric_families(stage.client.get("/metrics").text)}
    up = {one.labels["stream"]: one.value for one in families["asworn_up"].samples}
    assert up == {"cam": 1, "second": 0} and families["asworn_cards"].samples[0].value == 1
    assert families["asworn_card_changes"].type == "counter"
    until(lambda: stage.client.get("/health").status_code == 503)
    assert "second lost" in stage.client.get("/health").text, "nobody ever wrote to it"
