"""Web search: providers against servers that speak their protocols, and the offer on the page."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from matcher.errors import ConfigError
from matcher.web.app.websearch import GoogleSearch, JsonSearch, SearchError, TemplateSearch, provider_of
from tests.browser import chromium, drop, page_of
from tests.picture_server import PictureServer, send, serving
from tests.toy_bundle import paint
from tests.web_shop import BEARER, SECRET, png, toy_server

KEY, ENGINE = "key-of-a-test", "engine-1"
ITEMS = [
    {"title": "Blue <i>coat</i>", "link": "https://a.example/coat", "displayLink": "a.example", "snippet": "a\n coat"},
    {"title": "Script", "link": "javascript:alert(1)"},
    {"title": 7, "link": "https://b.example/", "snippet": None},
    "no item",
]


class GoogleLike:
    """Speaks Google's Custom Search JSON API: checks key and engine, answers with items or an error object."""

    def __init__(self, server: PictureServer) -> None:
        self.server, self.asked, self.items = server, [], ITEMS
        server.answers = self

    def get(self, path: str, _: Callable) -> Callable[[BaseHTTPRequestHandler], None]:
        return self.answer

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(request.path).query).items()}
        self.asked.append(query)
        if (query.get("key"), query.get("cx")) != (KEY, ENGINE):
            error = {"code": 400, "message": "API key not valid. Please pass a valid API key."}
            send(request, 400, json.dumps({"error": error}).encode())
        else:
            send(request, 200, json.dumps({"kind": "customsearch#search", "items": self.items}).encode())


@pytest.fixture
def google() -> Iterator[GoogleLike]:
    with serving() as server:
        yield GoogleLike(server)


def test_google_is_asked_and_its_results_are_read(google: GoogleLike) -> None:
    found = GoogleSearch(KEY, ENGINE, google.server.url("/customsearch/v1")).search(["coat", "light blue"], b"jpeg")
    assert google.asked[0]["q"] == "coat light blue" and google.asked[0]["num"] == "10"
    assert [one.link for one in found] == ["https://a.example/coat", "https://b.example/"]
    assert (found[0].title, found[0].site, found[0].snippet) == ("Blue <i>coat</i>", "a.example", "a coat")
    assert (found[1].title, found[1].site) == ("https://b.example/", "b.example")


def test_google_s_refusal_is_told_without_the_key(google: GoogleLike) -> None:
    with pytest.raises(SearchError, match="API key not valid") as caught:
        GoogleSearch("secret-key", ENGINE, google.server.url("/")).search(["coat"], b"")
    assert "secret-key" not in str(caught.value)


def test_nothing_found_is_no_failure(google: GoogleLike) -> None:
    google.items = []
    assert GoogleSearch(KEY, ENGINE, google.server.url("/")).search(["x"], b"") == []


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b"\xff", b'{"items": 3}', b'{"items": {"a": 1}}', b""])
def test_odd_answers_are_told_or_empty(body: bytes) -> None:
    with serving() as server:
        server.answers["/s?key=k&cx=e&q=x&num=10&safe=active"] = lambda request: send(request, 200, body)
        provider = GoogleSearch("k", "e", server.url("/s"))
        try:
            assert provider.search(["x"], b"") == []
        except SearchError as error:
            assert "Google" in str(error)


def test_a_server_that_is_away_or_sends_too_much_is_told() -> None:
    with pytest.raises(SearchError, match="cannot be reached"):
        GoogleSearch(KEY, ENGINE, "http://127.0.0.1:9/").search(["x"], b"")
    with serving() as server:
        server.answers["/s?key=k&cx=e&q=x&num=10&safe=active"] = lambda request: send(request, 200, b" " * (3 << 20))
        with pytest.raises(SearchError, match="too much"):
            GoogleSearch("k", "e", server.url("/s")).search(["x"], b"")


def test_a_service_of_one_s_own_gets_words_and_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[dict] = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        got.append(json.loads(request.rfile.read(int(request.headers["Content-Length"]))))
        send(request, 200, json.dumps({"results": [{"title": "T", "link": "https://c.example/1"}]}).encode())

    with serving() as server:
        handler = server._http.RequestHandlerClass
        monkeypatch.setattr(handler, "do_POST", answer, raising=False)
        found = JsonSearch(server.url("/find")).search(["coat"], b"\xff\xd8jpeg")
    assert [one.link for one in found] == ["https://c.example/1"]
    assert got[0]["keywords"] == ["coat"] and base64.b64decode(got[0]["crop"]) == b"\xff\xd8jpeg"


def test_a_template_makes_an_address_and_asks_nobody() -> None:
    found = TemplateSearch("https://s.example/?q={keywords}&x=1").search(["coat", "a&b"], b"")
    assert [one.link for one in found] == ["https://s.example/?q=coat+a%26b&x=1"]


@pytest.mark.parametrize("text", ["https://s.example/", "javascript:{keywords}", "json:file:///etc", "google"])
def test_wrong_providers_are_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        provider_of(text, {})


def test_the_option_and_the_environment_name_a_provider() -> None:
    environment = {"ASWORN_GOOGLE_KEY": KEY, "ASWORN_GOOGLE_ENGINE": ENGINE}
    assert provider_of("google", environment).name == "Google"
    assert provider_of("json:https://j.example/x", {}).name == "j.example"
    assert provider_of("https://s.example/?q={keywords}", {}).name == "s.example"
    assert provider_of("", environment) is None


UNKNOWN = paint((640, 360), {"hats": (200, 100, 330, 220)})  # a hat that this shop does not sell


def test_the_page_offers_the_web_where_the_shop_has_nothing(tmp_path: Path, google: GoogleLike) -> None:
    provider = GoogleSearch(KEY, ENGINE, google.server.url("/"))
    with toy_server(tmp_path, provider=provider, types=("tops", "pants")) as client, chromium() as browser:
        url = str(client.base_url)
        with page_of(browser, url) as page:
            page.goto(f"{url}/?token={SECRET}")
            drop(page, "#drop", png(UNKNOWN))
            page.locator("#garments button").first.click()
            page.get_by_text("No").first.wait_for()
            page.get_by_role("button", name="Search the web with Google").click()
            page.get_by_text("2 results of Google").wait_for()
            links = page.locator(".results a")
            assert links.first.get_attribute("href") == "https://a.example/coat"
            assert links.first.inner_text() == "Blue <i>coat</i>"
    assert google.asked[0]["q"].startswith("hats")


def test_searching_the_web_needs_the_token_and_a_provider(tmp_path: Path, google: GoogleLike) -> None:
    with toy_server(tmp_path) as client:
        look = client.post("/api/looks", content=png()).json()
        path = f"/api/looks/{look['id']}/garments/0/web"
        assert client.post(path).status_code == 401
        answer = client.post(path, headers=BEARER)
        assert answer.status_code == 404 and "--web-search" in answer.json()["detail"]


def test_a_provider_that_fails_is_a_503_in_words(tmp_path: Path) -> None:
    with toy_server(tmp_path, provider=GoogleSearch(KEY, ENGINE, "http://127.0.0.1:9/")) as client:
        look = client.post("/api/looks", content=png()).json()
        answer = client.post(f"/api/looks/{look['id']}/garments/0/web", headers=BEARER)
        assert answer.status_code == 503 and "cannot be reached" in answer.json()["detail"]
        assert isinstance(client, httpx.Client)
