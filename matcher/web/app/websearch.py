"""Searching the web for a garment that the catalogue does not have: providers of one interface."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote_plus, urlsplit

import httpx

from matcher.errors import ConfigError, MatcherError
from matcher.sinks.safe import safe_link

MOST = 10  # results shown
GOOGLE = "https://customsearch.googleapis.com/customsearch/v1"
_TEXT = 300  # characters of a text that is shown
_BYTES = 2 << 20  # of an answer
_TIME_S = 10.0
_PLACE = re.compile(r"\{keywords\}")


class SearchError(MatcherError):
    """A web search failed; the message is for people and holds no key."""


@dataclass(frozen=True)
class WebResult:
    """A page of the web: its title, its link (http or https), its host, and a few words of it."""

    title: str
    link: str
    site: str
    snippet: str


class Provider(Protocol):
    """Finds pages about a garment."""

    @property
    def name(self) -> str:
        """What to call it on a page."""
        ...

    def search(self, keywords: Sequence[str], crop: bytes) -> list[WebResult]:
        """Pages about a garment.

        Args:
            keywords: the plainest first.
            crop: its picture as JPEG; a provider that cannot look at pictures leaves it.

        Raises:
            SearchError: the provider cannot be asked, or refuses.
        """
        ...


class GoogleSearch:
    """Google's Custom Search JSON API, with the user's own key and search engine."""

    name = "Google"

    def __init__(self, key: str, engine: str, endpoint: str = GOOGLE) -> None:
        """Take the API key, the id of the search engine (`cx`) and where the API is.

        Raises:
            ConfigError: one of them is missing.
        """
        if not key or not engine:
            raise ConfigError("a Google search needs ASWORN_GOOGLE_KEY and ASWORN_GOOGLE_ENGINE in the environment")
        self._key, self._engine, self._endpoint = key, engine, endpoint

    def search(self, keywords: Sequence[str], crop: bytes) -> list[WebResult]:
        """Ask for pages with these words; the API takes no pictures."""
        query = {"key": self._key, "cx": self._engine, "q": " ".join(keywords), "num": str(MOST), "safe": "active"}
        answer = _ask("GET", self._endpoint, self.name, params=query)
        items = answer.get("items", [])
        return _results(items if isinstance(items, list) else [], "displayLink")


class JsonSearch:
    """A service of the user's own that gets the words and the picture, and answers like `{"results": [...]}`.

    It is sent `{"keywords": [...], "crop": "<JPEG in base64>"}`; each result has `title`, `link` and, if there is one,
    `snippet`.
    """

    def __init__(self, url: str) -> None:
        """Take its address.

        Raises:
            ConfigError: it is not of http or https.
        """
        if not safe_link(url):
            raise ConfigError(f"{url} is no address of a search service; it starts with http:// or https://")
        self._url, self.name = url, urlsplit(url).hostname or ""

    def search(self, keywords: Sequence[str], crop: bytes) -> list[WebResult]:
        """Send both, and read the results."""
        sent = {"keywords": list(keywords), "crop": base64.b64encode(crop).decode()}
        results = _ask("POST", self._url, self.name, json=sent).get("results", [])
        return _results(results if isinstance(results, list) else [], "site")


class TemplateSearch:
    """A page of a search engine that the user opens: nothing is asked from here."""

    def __init__(self, template: str) -> None:
        """Take an address with `{keywords}` in it.

        Raises:
            ConfigError: it has no such place, or makes no address.
        """
        if not _PLACE.search(template) or not safe_link(_PLACE.sub("x", template)):
            raise ConfigError(
                f"{template!r} is no search address; write one like https://search.example/?q={{keywords}}"
            )
        self._template, self.name = template, urlsplit(_PLACE.sub("x", template)).hostname or ""

    def search(self, keywords: Sequence[str], crop: bytes) -> list[WebResult]:
        """One result: the page that shows what the engine finds."""
        words = " ".join(keywords)
        link = _PLACE.sub(lambda _: quote_plus(words), self._template)
        return [WebResult(f"Search for “{words}”", link, self.name, "Opens the search engine's own page.")]


def provider_of(text: str, environment: Mapping[str, str]) -> Provider | None:
    """The provider that an option names: "google", "json:ADDRESS", an address with {keywords}, or "" for none.

    Raises:
        ConfigError: it is none of these, or lacks its key.
    """
    if not text:
        return None
    if text == "google":
        endpoint = environment.get("ASWORN_GOOGLE_ENDPOINT", GOOGLE)
        key, engine = (environment.get(f"ASWORN_GOOGLE_{name}", "") for name in ("KEY", "ENGINE"))
        return GoogleSearch(key, engine, endpoint)
    return JsonSearch(text.removeprefix("json:")) if text.startswith("json:") else TemplateSearch(text)


def _ask(method: str, url: str, name: str, **sent: Any) -> dict[str, Any]:
    """The JSON object that an address answers with. Messages never hold the address: the key stands in it."""
    try:
        with (
            httpx.Client(timeout=_TIME_S, follow_redirects=False) as client,
            client.stream(method, url, **sent) as answer,
        ):
            data = bytearray()
            for piece in answer.iter_bytes():
                data += piece
                if len(data) > _BYTES:
                    raise SearchError(f"{name} answers with too much")
            found = json.loads(data) if data else {}
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise SearchError(f"{name} cannot be reached ({type(error).__name__}); try again later") from None
    except ValueError:
        raise SearchError(f"{name} answers with something else than JSON") from None
    if answer.status_code != 200 or not isinstance(found, dict):
        raise SearchError(_refusal(name, answer.status_code, found))
    return found


def _refusal(name: str, status: int, found: Any) -> str:
    error = found.get("error") if isinstance(found, dict) else None
    said = error.get("message") if isinstance(error, dict) else ""
    known = {400: "check the key and the engine", 403: "check the key", 429: "the day's searches are used up"}
    return f"{name} refuses ({status}): {_plain(said) or known.get(status, 'it gives no reason')}"


def _results(items: list[Any], site: str) -> list[WebResult]:
    results = []
    for item in items:
        link = safe_link(item["link"]) if isinstance(item, dict) and isinstance(item.get("link"), str) else ""
        if link:
            where = _plain(item.get(site)) or urlsplit(link).hostname or ""
            results.append(WebResult(_plain(item.get("title")) or link, link, where, _plain(item.get("snippet"))))
    return results[:MOST]


def _plain(text: object) -> str:
    """One short line; "" for what is no text."""
    return " ".join(text.split())[:_TEXT] if isinstance(text, str) else ""
