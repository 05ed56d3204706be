"""Recognise what kind of feed a path is. To add a kind, enter its class in `FILE_FEEDS`."""

from __future__ import annotations

from pathlib import Path

from indexer.feeds.base import Feed
from indexer.feeds.csv import SUFFIXES, CsvFeed, has_feed_header
from indexer.feeds.folder import FolderFeed
from matcher.errors import FeedError

FILE_FEEDS = (CsvFeed,)


def open_feed(path: Path | str) -> Feed:
    """Open a feed.

    A folder is read through its `products.csv`, or through its only table if that has the columns id and image;
    else it is a folder of pictures.

    Raises:
        FeedError: there is nothing at the path, or its kind is not known.
    """
    path = Path(path)
    if path.is_dir():
        table = _table_in(path)
        return CsvFeed(table) if table else FolderFeed(path)
    if not path.exists():
        raise FeedError(f"there is no feed at {path}; give a folder of pictures or a CSV file")
    for kind in FILE_FEEDS:
        if kind.accepts(path):
            return kind(path)
    raise FeedError(f"{path} is not a feed that is known; give a folder of pictures or a file {', '.join(SUFFIXES)}")


def _table_in(folder: Path) -> Path | None:
    named = folder / "products.csv"
    if named.is_file():
        return named
    tables = [path for path in folder.iterdir() if CsvFeed.accepts(path) and has_feed_header(path)]
    return tables[0] if len(tables) == 1 else None
