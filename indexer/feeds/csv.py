"""CSV and TSV feeds: at least the columns `id` and `image`; separators , ; tab or |; UTF-8 or UTF-16 with a mark."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from indexer.feeds import values
from indexer.feeds.base import Collector, FeedContent, Picture, printable
from indexer.feeds.values import BadValue
from matcher.errors import FeedError
from matcher.types import Product

SUFFIXES = (".csv", ".tsv", ".txt")
MAX_BYTES = 2 << 30
_SEPARATORS = ",;\t|"
_REQUIRED = frozenset({"id", "image"})
_TEXTS = ("title", "brand", "colour", "gender", "availability", "group_id")
_KNOWN = frozenset({*_REQUIRED, *_TEXTS, "type", "category", "link", "price", "currency"})
# Other names that shops give to the same columns.
_ALIASES = {
    "color": "colour",
    "url": "link",
    "image_link": "image",
    "image_path": "image",
    "item_group_id": "group_id",
    "product_type": "category",
    "product_id": "id",
    "sku": "id",
    "name": "title",
}


class CsvFeed:
    """A table with a header line. Rows are numbered by line: the header is line 1."""

    kind = "CSV"

    def __init__(self, path: Path) -> None:
        """Open a file; it is read by `read`."""
        self._path = path
        self._folder = path.parent.resolve()

    @classmethod
    def accepts(cls, path: Path) -> bool:
        """Whether a path is a file of this kind."""
        return path.is_file() and path.suffix.lower() in SUFFIXES

    def read(self) -> FeedContent:
        """Read and check every row; see `Feed.read`.

        Raises:
            FeedError: the file cannot be read, or its header has no id and image.
        """
        lines = _read_lines(self._path)
        header, separator = find_header(lines[0] if lines else "", self._path)
        collector = Collector()
        for row, fields in _records(lines, header, separator):
            if isinstance(fields, BadValue):
                collector.reject(row, "", str(fields))
            elif any(field.strip() for field in fields):
                self._take(collector, row, header, fields)
        return collector.content()

    def _take(self, collector: Collector, row: int, header: list[str], fields: list[str]) -> None:
        record = dict(zip(header, fields, strict=False))
        try:
            if len(fields) > len(header):
                raise BadValue(f"has {len(fields)} fields, the header has {len(header)}; quote texts with separators")
            record = {name: _text(name, value) for name, value in record.items() if name in _KNOWN}
            path = values.picture_path(record.get("image", ""), self._folder)
            collector.add(_product(record), Picture(row, record["image"], path))
        except BadValue as reason:
            collector.reject(row, record.get("id", "").strip()[: values.MAX_ID], str(reason))


def _text(name: str, value: str) -> str:
    return values.exact_text(value) if name in _REQUIRED else values.clean_text(value)


def _product(record: dict[str, str]) -> Product:
    amount, currency = values.price(record.get("price", ""), record.get("currency", ""))
    return Product(
        id=values.product_id(record.get("id", "")),
        type=values.garment_type(record.get("type", ""), record.get("category", "")),
        price=amount,
        currency=currency,
        link=values.link(record.get("link", "")),
        **{name: record.get(name, "") for name in _TEXTS},
    )


def has_feed_header(path: Path) -> bool:
    """Whether a file begins with a header that has id and image."""
    try:
        with path.open("rb") as file:
            first = _decode(file.read(1 << 16)).splitlines()[:1]
        find_header(first[0] if first else "", path)
        return True
    except (FeedError, OSError):
        return False


def find_header(line: str, path: Path) -> tuple[list[str], str]:
    """Column names, in our spelling, and the separator, from the first line of a file.

    Raises:
        FeedError: with no separator does the line have the columns id and image, or one is there twice.
    """
    found = [(_columns(line, separator), separator) for separator in _SEPARATORS]
    header, separator = max(found, key=lambda one: (_REQUIRED <= set(one[0]), len(one[0])))
    if not _REQUIRED <= set(header):
        there = ", ".join(name for name in header if name)[:200] or "none"
        raise FeedError(f"{path} needs the columns id and image in its first line; it has: {printable(there)}")
    twice = sorted({name for name in header if name in _KNOWN and header.count(name) > 1})
    if twice:
        raise FeedError(f"{path} has more than one column for {', '.join(twice)}; keep one")
    return header, separator


def _columns(line: str, separator: str) -> list[str]:
    try:
        names = next(csv.reader([line], delimiter=separator, strict=True), [])
    except csv.Error:
        return []
    keys = ["_".join(name.lower().replace("-", " ").replace("_", " ").split()) for name in names]
    for i, key in enumerate(keys):
        # Another name counts only where the column's own name is not there.
        if key in _ALIASES and _ALIASES[key] not in keys:
            keys[i] = _ALIASES[key]
    return keys


def _read_lines(path: Path) -> list[str]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise FeedError(f"{path} is larger than {MAX_BYTES >> 30} GiB; split it")
        text = _decode(path.read_bytes())
    except OSError as error:
        raise FeedError(f"cannot read the feed {path} ({error.strerror})") from error
    # Not splitlines(): a text may have rare characters that it takes for line ends.
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _decode(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    # Bytes that are not UTF-8 become lone surrogates, by which single bad rows are told from good ones.
    return data.decode("utf-8", "surrogateescape").removeprefix("\ufeff")


def _records(lines: list[str], header: list[str], separator: str) -> Iterator[tuple[int, list[str] | BadValue]]:
    """Line number and fields of each record after the header; a record that cannot be parsed gives the reason.

    A quote that is never closed would swallow the rest of the file: such a line alone is given up, and reading goes
    on with the next one.
    """
    start = 1
    while start < len(lines):
        rest = (f"{lines[i]}\n" for i in range(start, len(lines)))
        reader = csv.reader(rest, delimiter=separator, strict=True)
        begin = start
        try:
            for fields in reader:
                _refuse_swallowed(header, fields, separator)
                yield begin + 1, fields
                begin = start + reader.line_num
            return
        except csv.Error as error:
            yield begin + 1, BadValue(f"cannot be parsed ({error}); look for a stray or missing quote")
            start = begin + 1


def _refuse_swallowed(header: list[str], fields: list[str], separator: str) -> None:
    """Two stray quotes, lines apart, make one field of all that is between them: better two bad rows than lost ones.

    Only columns we read are judged: a long description may well have line ends and separators.
    """
    for name, value in zip(header, fields, strict=False):
        if name in _KNOWN and "\n" in value and separator in value:
            raise csv.Error(f"the {name} runs over several lines")
