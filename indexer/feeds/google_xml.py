"""Google Merchant Center's XML: RSS 2.0, RSS 1.0 or Atom with the g: namespace, read as a stream.

Items are cut out of the text and parsed one by one, so a malformed one costs itself only, and a feed of any size
needs the memory of one item. Entities and document type declarations are refused (defusedxml).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from indexer.feeds.base import FeedOptions, Row
from indexer.feeds.names import ALIASES, KNOWN
from indexer.feeds.text import read_head, stream
from matcher.errors import FeedError

MAX_ITEM = 1 << 20  # characters
_NAMESPACE = "http://base.google.com/ns/1.0"
_START = re.compile(r"<!--|<(item|entry)(?=[\s>])")
_TOKEN = re.compile(r"<!\[CDATA\[|<!--|</(item|entry)\s*>|<(?:item|entry)(?=[\s>])")
_CLOSING = {"<![CDATA[": "]]>", "<!--": "-->"}
_ROOT = re.compile(r"<(?:\w+:)?(rss|feed|RDF)[\s>]")
_PREFIXED = re.compile(r"(</?)([A-Za-z_][\w.-]*):(?=[A-Za-z_])")
_MANY = ("image", "images", "category")


class GoogleXmlFeed:
    """Items of an RSS or Atom feed. Rows are numbered by the line on which an item begins."""

    kind = "Google Merchant Center XML"

    def __init__(self, path: Path, options: FeedOptions) -> None:
        """See `Format`."""
        self._path = path

    @classmethod
    def accepts(cls, path: Path, head: str, options: FeedOptions) -> bool:
        """See `Format.accepts`."""
        return head.lstrip()[:1] == "<" and _ROOT.search(head) is not None

    def rows(self) -> Iterator[Row]:
        """See `Format.rows`.

        Raises:
            FeedError: the file cannot be read, is no RSS or Atom, or declares entities.
        """
        head = read_head(self._path)
        _check_root(head, self._path)
        prefix = re.search(rf"xmlns:([\w.-]+)\s*=\s*[\"']{re.escape(_NAMESPACE)}[\"']", head)
        for line, text, problem in _items(stream(self._path)):
            yield Row(line, {}, problem=problem) if problem else _row(line, text, prefix[1] if prefix else "g")


def _check_root(head: str, path: Path) -> None:
    begin = re.search(r"<(item|entry)[\s>]", head)
    before = head[: begin.start() if begin else len(head)]
    if re.search(r"<!(DOCTYPE|ENTITY)", before, re.IGNORECASE):
        raise FeedError(f"{path} declares a document type or entities, which are not read; remove the <!DOCTYPE ...>")
    if not _ROOT.search(before):
        raise FeedError(f"{path} is no RSS or Atom feed: it has no <rss>, <feed> or <rdf:RDF>")


class _Text:
    """The text of a feed from the place where reading is: more of it is read as it is needed."""

    def __init__(self, pieces: Iterator[str]) -> None:
        self._pieces = pieces
        self.text = ""
        self.line = 1

    def more(self) -> bool:
        """Read a piece; False at the end."""
        piece = next(self._pieces, None)
        self.text += piece or ""
        return piece is not None

    def drop(self, count: int) -> None:
        """Go on behind so many characters."""
        self.line += self.text.count("\n", 0, count)
        self.text = self.text[count:]


def _items(pieces: Iterator[str]) -> Iterator[tuple[int, str, str]]:
    """Line, text and problem of each item."""
    rest = _Text(pieces)
    while _find_start(rest):
        length, problem = _item_length(rest)
        yield rest.line, "" if problem else rest.text[:length], problem
        # Of an item that is not closed, only its start is passed over: the next one may begin anywhere behind it.
        rest.drop(length)


def _find_start(rest: _Text) -> bool:
    while True:
        found = _START.search(rest.text)
        if found and found[1]:
            rest.drop(found.start())
            return True
        # A start may be cut by the end of a piece.
        rest.drop(found.start() if found else max(0, len(rest.text) - 8))
        if found:
            _pass_comment(rest)
        elif not rest.more():
            return False


def _pass_comment(rest: _Text) -> None:
    """Items in comments do not count; a comment that is never closed hides nothing."""
    while "-->" not in rest.text and _go_on(rest):
        pass
    rest.drop(max(rest.text.find("-->"), 1))


def _item_length(rest: _Text) -> tuple[int, str]:
    """How far the item goes that begins here, and what is wrong with it."""
    place = 1
    while True:
        found = _TOKEN.search(rest.text, place)
        if found is None:
            place = max(place, len(rest.text) - 12)
            if not _go_on(rest):
                return 1, _too_long(rest)
        elif found[0] in _CLOSING:
            end = rest.text.find(_CLOSING[found[0]], found.end())
            inside = rest.text[found.end() : end if end >= 0 else len(rest.text)]
            if re.search(r"</(item|entry)\s*>\s*<(item|entry)[\s>]", inside):
                return 1, f"{found[0]} is not closed"
            place = end if end >= 0 else found.start()
            if end < 0 and not _go_on(rest):
                return 1, f"{found[0]} is not closed" if len(rest.text) < MAX_ITEM else _too_long(rest)
        elif found[1]:
            too_long = found.end() > MAX_ITEM
            return found.end(), _too_long(rest) if too_long else ""
        else:
            return found.start(), "is not closed before the next one begins"


def _go_on(rest: _Text) -> bool:
    return len(rest.text) <= MAX_ITEM and rest.more()


def _too_long(rest: _Text) -> str:
    if len(rest.text) > MAX_ITEM:
        return f"is longer than {MAX_ITEM >> 20} Mi characters"
    return "is cut off: the file ends inside it"


def _row(line: int, text: str, prefix: str) -> Row:
    try:
        text.encode()
        # Google's prefix becomes none, all others stay apart; so no namespace needs to be declared.
        plain = _PREFIXED.sub(lambda tag: tag[1] + ("" if tag[2] == prefix else f"{tag[2]}."), _attributes(text))
        return _from_element(line, fromstring(plain, forbid_dtd=True))
    except UnicodeEncodeError:
        return Row(line, {}, problem="is not UTF-8 text; save the file as UTF-8")
    except ParseError as error:
        where = f"{str(error).partition(':')[0]} in line {line + error.position[0] - 1}"
        return Row(line, {}, problem=f"is not well-formed XML ({where}); text needs &amp; for & and &lt; for <")
    except (DefusedXmlException, ValueError) as error:
        return Row(line, {}, problem=f"is XML of a kind that is not read ({type(error).__name__})")


def _attributes(text: str) -> str:
    """Attributes such as xml:lang or xsi:type need a declaration that stands outside the item."""
    return re.sub(r"(\s)([A-Za-z_][\w.-]*):([A-Za-z_][\w.-]*\s*=\s*[\"'])", r"\1\2.\3", text)


def _from_element(line: int, item: Element) -> Row:
    found: dict[str, list[str]] = {}
    for child in item:
        name = ALIASES.get(child.tag, child.tag) if isinstance(child.tag, str) else ""
        text = (child.text or "").strip() or (child.get("href", "").strip() if child.tag == "link" else "")
        if name in KNOWN and text and child.get("rel", "alternate") == "alternate":
            found.setdefault(name, []).append(text)
    images = (*found.get("image", []), *found.get("images", []))
    # A feed's own <title> and Google's <g:title> may both be there: Google's comes last, and is meant.
    values = {name: texts[-1] for name, texts in found.items() if name not in _MANY}
    return Row(line, values | {"category": " | ".join(found.get("category", []))}, images)
