"""A feed that is itself an address: downloaded to a temporary file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from matcher.errors import FeedError
from matcher.fetch.fetcher import Fetcher, FetchError

MAX_BYTES = 2 << 30


def is_address(feed: str) -> bool:
    """Whether a feed is named by an address of the web."""
    return feed.lower().startswith(("http://", "https://"))


@contextmanager
def local_file(feed: str, fetcher: Fetcher) -> Iterator[Path]:
    """The path of a feed; of an address a downloaded copy, which is gone afterwards.

    Raises:
        FeedError: it cannot be downloaded.
    """
    if not is_address(feed):
        yield Path(feed)
        return
    with tempfile.TemporaryDirectory(prefix="asworn-feed-") as folder:
        path = Path(folder) / "feed"
        try:
            fetcher.download(feed, path, MAX_BYTES)
        except FetchError as reason:
            raise FeedError(f"the feed {feed} cannot be downloaded: {reason}") from reason
        except OSError as error:
            raise FeedError(f"the feed {feed} cannot be kept in {folder} ({error.strerror})") from error
        yield path
