"""CSV and TSV feeds, and Google Merchant Center's: a table with at least the columns `id` and `image`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from indexer.feeds import table
from indexer.feeds.base import FeedOptions, Row
from indexer.feeds.names import KNOWN, MANY
from indexer.feeds.table import Fields, Header
from indexer.feeds.text import read_head
from indexer.feeds.values import BadValue
from matcher.errors import FeedError

_REQUIRED = ("id", "image")


class CsvFeed:
    """A table with a header line. Rows are numbered by line: the header is line 1."""

    kind = "CSV"

    def __init__(self, path: Path, options: FeedOptions) -> None:
        """See `Format`."""
        self._path = path
        self._columns = options.columns

    @classmethod
    def accepts(cls, path: Path, head: str, options: FeedOptions) -> bool:
        """See `Format.accepts`: any text with a header of our columns, and whatever a table's suffix claims to be."""
        has_columns = table.header_of(head, _REQUIRED, options.columns).has(*_REQUIRED)
        return has_columns or path.suffix.lower() in table.SUFFIXES

    def rows(self) -> Iterator[Row]:
        """See `Format.rows`.

        Raises:
            FeedError: the file cannot be read, or its header has no id and image.
        """
        header = self._header()
        for number, fields in table.read_rows(self._path, header, KNOWN):
            yield Row(number, {}, problem=str(fields)) if isinstance(fields, BadValue) else to_row(number, fields)

    def _header(self) -> Header:
        header = table.header_of(read_head(self._path), _REQUIRED, self._columns)
        if not header.has(*_REQUIRED):
            raise table.missing_columns(header, self._path, "id and image")
        table.check_header(header, self._path, KNOWN - MANY)
        return header


class GoogleTsvFeed(CsvFeed):
    """Google Merchant Center's table: tabs, and its names of columns (`image_link`, `item_group_id`, ...)."""

    kind = "Google Merchant Center TSV"

    @classmethod
    def accepts(cls, path: Path, head: str, options: FeedOptions) -> bool:
        """See `Format.accepts`."""
        first = head.replace("\r", "\n").split("\n", 1)[0]
        columns = {"_".join(name.strip(' "').lower().split()) for name in first.split("\t")}
        return {"id", "title", "image_link"} <= columns and bool({"availability", "price"} & columns)


def has_feed_header(path: Path) -> bool:
    """Whether a file begins with a header that has id and image."""
    try:
        return table.header_of(read_head(path), _REQUIRED, {}).has(*_REQUIRED)
    except FeedError:
        return False


def to_row(number: int, fields: Fields) -> Row:
    """A row of a table whose columns have our names."""
    many = [value for text in fields.get("images", []) for value in split_images(text)]
    values = {name: texts[0] for name, texts in fields.items() if name in KNOWN}
    # The deepest category is the last: Google's own before the shop's.
    values["category"] = " | ".join(text for text in fields.get("category", []) if text.strip())
    return Row(number, values, (*fields.get("image", []), *many), "".join(fields.get(table.PROBLEM, [])))


def split_images(text: str) -> list[str]:
    """The pictures of a column that may have several: separated by | or else by commas."""
    return [part.strip() for part in re.split(r"\|" if "|" in text else r",", text) if part.strip()]
