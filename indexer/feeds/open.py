"""Recognise what kind of feed a path is, by its content. To add a kind, enter its class in `FORMATS`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from indexer.feeds.base import FeedOptions, Format
from indexer.feeds.csv import CsvFeed, GoogleTsvFeed, has_feed_header
from indexer.feeds.folder import FolderFeed
from indexer.feeds.google_xml import GoogleXmlFeed
from indexer.feeds.jsonl import JsonlFeed
from indexer.feeds.jsonld import JsonLdFeed, pages_in
from indexer.feeds.normalise import Feed
from indexer.feeds.shopify import ShopifyFeed
from indexer.feeds.table import SUFFIXES
from indexer.feeds.text import read_head
from matcher.errors import FeedError

# Name -> class; asked in this order, the most particular first.
FORMATS: Mapping[str, type[Format]] = {
    "google-xml": GoogleXmlFeed,
    "jsonl": JsonlFeed,
    "jsonld": JsonLdFeed,
    "shopify": ShopifyFeed,
    "google-tsv": GoogleTsvFeed,
    "csv": CsvFeed,
    "folder": FolderFeed,
}
_KINDS = "a folder of pictures, CSV or TSV, Google Merchant XML or TSV, Shopify CSV, JSON-LD or JSONL"


def open_feed(path: Path | str, format_name: str | None = None, options: FeedOptions | None = None) -> Feed:
    """Open a feed.

    A folder is read through its `products.csv`, or through its only table if that has the columns id and image, or
    through its pages (JSON-LD) if it has nothing else; else it is a folder of pictures.

    Args:
        path: a file or a folder.
        format_name: one of `FORMATS`; None = told from the content.
        options: what else the user says about it.

    Raises:
        FeedError: there is nothing at the path, or its kind is not known.
    """
    path, options = Path(path), options or FeedOptions()
    if not path.exists():
        raise FeedError(f"there is no feed at {path}; give {_KINDS}")
    if path.is_dir() and format_name != "folder":
        path = _table_in(path) or path
    kind = _named(format_name, path) if format_name else _recognise(path, options)
    return Feed(kind(path, options), path if path.is_dir() else path.parent, options)


def _named(name: str, path: Path) -> type[Format]:
    if name not in FORMATS:
        raise FeedError(f"there is no format {name!r}; the formats are {', '.join(FORMATS)}")
    if path.is_dir() != (name == "folder") and not (path.is_dir() and name == "jsonld"):
        raise FeedError(f"{path} is a {'folder' if path.is_dir() else 'file'}, which the format {name} does not read")
    return FORMATS[name]


def _recognise(path: Path, options: FeedOptions) -> type[Format]:
    if path.is_dir():
        return JsonLdFeed if _is_pages(path) else FolderFeed
    head = read_head(path)
    if head.count("\0", 0, 1000) > 20:
        raise FeedError(f"{path} is not a feed that is known: it is no text; give {_KINDS}")
    for kind in FORMATS.values():
        if kind.accepts(path, head, options):
            return kind
    raise FeedError(f"{path} is not a feed that is known; give {_KINDS}, or say which with --format")


def _table_in(folder: Path) -> Path | None:
    named = folder / "products.csv"
    if named.is_file():
        return named
    tables = [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file()]
    tables = [path for path in tables if has_feed_header(path)]
    return tables[0] if len(tables) == 1 else None


def _is_pages(folder: Path) -> bool:
    visible = [path for path in folder.iterdir() if not path.name.startswith(".")]
    return bool(visible) and len(pages_in(folder)) == len([path for path in visible if path.is_file()]) > 0
