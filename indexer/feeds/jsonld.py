"""schema.org products as JSON-LD: a JSON file, a page with <script type="application/ld+json">, a folder of those."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from indexer.feeds import json_values
from indexer.feeds.base import FeedOptions, Row
from indexer.feeds.jsonl import to_row
from indexer.feeds.schema_org import products
from indexer.feeds.text import read_all
from indexer.feeds.values import BadValue
from matcher.errors import FeedError

PAGES = (".html", ".htm", ".xhtml")
SUFFIXES = (*PAGES, ".json", ".jsonld")


class JsonLdFeed:
    """Rows are numbered by the line on which a page's script begins; in a JSON file the products are numbered.

    A JSON file that is a list of plain objects is read as JSONL would be.
    """

    kind = "JSON-LD"

    def __init__(self, path: Path, options: FeedOptions) -> None:
        """See `Format`; `path` may be a folder too."""
        self._path = path
        self._options = options

    @classmethod
    def accepts(cls, path: Path, head: str, options: FeedOptions) -> bool:
        """See `Format.accepts`."""
        start = head.lstrip()[:1]
        is_page = start == "<" and ("<html" in head.lower() or "ld+json" in head)
        return is_page or start in ("[", "{") or path.suffix.lower() in SUFFIXES

    def rows(self) -> Iterator[Row]:
        """See `Format.rows`."""
        if not self._path.is_dir():
            yield from self._of_file(self._path)
            return
        for path in pages_in(self._path):
            for row in self._of_file(path):
                yield Row(row.number, row.values, row.images, row.problem and f"{path.name}: {row.problem}")

    def _of_file(self, path: Path) -> Iterator[Row]:
        text = read_all(path, json_values.MAX_BYTES)
        if text.lstrip()[:1] == "<":
            yield from _of_page(text, self._options)
        else:
            yield from _of_json(text, path, self._options)


def pages_in(folder: Path) -> list[Path]:
    """Pages of a folder, in the order of their names."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in PAGES and path.is_file())


def _of_json(text: str, path: Path, options: FeedOptions) -> Iterator[Row]:
    try:
        content = json_values.parse(text)
    except BadValue as reason:
        raise FeedError(f"{path} {reason}") from None
    if isinstance(content, list) and not any("@type" in one for one in content if isinstance(one, dict)):
        for number, one in enumerate(content, 1):
            good = isinstance(one, dict)
            yield to_row(number, one, options.columns) if good else Row(number, {}, problem="is not a JSON object")
        return
    found = list(products(content))
    if not found:
        raise FeedError(f"{path} has no schema.org Product and is no list of products")
    for number, row in enumerate(found, 1):
        yield Row(number, row.values, row.images, row.problem)


def _of_page(text: str, options: FeedOptions) -> Iterator[Row]:
    page = _Page()
    page.feed(text)
    page.close()
    base = urljoin(options.address, page.base) if page.base else ""
    any_product = False
    for line, script in page.scripts:
        for row in _of_script(script):
            any_product = True
            images = tuple(_absolute(image, base) for image in row.images)
            yield Row(line, row.values, images, row.problem)
    if not any_product:
        yield Row(1, {}, problem="the page has no schema.org Product as JSON-LD")


def _of_script(script: str) -> Iterator[Row]:
    try:
        yield from products(json_values.parse(script))
    except BadValue as reason:
        yield Row(0, {}, problem=f"the script {reason}")


def _absolute(image: str, base: str) -> str:
    return urljoin(base, image) if base.startswith(("http://", "https://")) and not _has_scheme(image) else image


def _has_scheme(text: str) -> bool:
    return ":" in text.split("/", 1)[0]


class _Page(HTMLParser):
    """Collects the scripts with linked data and what relative addresses are relative to."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.scripts: list[tuple[int, str]] = []
        self.base = ""
        self._open: list[str] | None = None
        self._line = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the start of a script, or the page's address."""
        said: dict[str, Any] = {name: value or "" for name, value in attrs}
        if tag == "script" and "ld+json" in said.get("type", "").lower():
            self._open, self._line = [], self.getpos()[0]
        elif tag == "base" or (tag == "link" and said.get("rel", "").lower() == "canonical" and not self.base):
            self.base = said.get("href", "") or self.base

    def handle_data(self, data: str) -> None:
        """Text of the open script."""
        if self._open is not None:
            self._open.append(data)

    def handle_endtag(self, tag: str) -> None:
        """The end of the open script."""
        if tag == "script":
            self._finish()

    def close(self) -> None:
        """At the end of the file a script may still be open: then its text waits in the parser."""
        rest = self.rawdata
        super().close()
        if self._open == []:
            self._open.append(rest)
        self._finish()

    def _finish(self) -> None:
        if self._open is not None:
            self.scripts.append((self._line, "".join(self._open)))
            self._open = None
