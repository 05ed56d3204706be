"""From rows as formats give them to products: one set of rules for every format."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urljoin

from indexer.feeds import values
from indexer.feeds.base import Collector, FeedContent, FeedOptions, Format, Picture, Row
from indexer.feeds.names import TEXTS
from indexer.feeds.values import BadValue
from matcher.catalog import vocabulary
from matcher.types import Product

MAX_PICTURES = 50  # of one row
_WORDS: dict[str, Callable[[str], str]] = {
    "gender": vocabulary.gender,
    "age_group": vocabulary.age_group,
    "availability": vocabulary.availability,
}


class Feed:
    """A feed that was recognised and opened."""

    def __init__(self, source: Format, folder: Path, options: FeedOptions) -> None:
        """Take the rows of a format.

        Args:
            source: what gives the rows.
            folder: where relative pictures lie.
            options: what the user says about the feed.
        """
        self.kind = source.kind
        self._source = source
        self._folder = folder.resolve()
        self._options = options

    def read(self) -> FeedContent:
        """Read and check every row.

        Raises:
            FeedError: the feed as a whole cannot be understood.
        """
        collector = Collector()
        for row in self._source.rows():
            self._take(collector, row)
        return collector.content()

    def _take(self, collector: Collector, row: Row) -> None:
        name = row.values.get("id", "").strip()[: values.MAX_ID]
        try:
            if row.problem:
                raise BadValue(row.problem)
            product = product_of(row, self._options)
            pictures, reasons = self._pictures(row)
        except BadValue as reason:
            collector.reject(row.number, name, str(reason))
            return
        # One bad picture of several costs only itself.
        for reason in reasons:
            collector.reject(row.number, name, reason)
        if pictures:
            collector.add(row.number, product, pictures)

    def _pictures(self, row: Row) -> tuple[list[Picture], list[str]]:
        named = list(dict.fromkeys(text for text in map(str.strip, row.images) if text))
        if not named:
            raise BadValue("names no picture")
        pictures, reasons = [], []
        for text in named[:MAX_PICTURES]:
            try:
                pictures.append(self._picture(row.number, text))
            except BadValue as reason:
                reasons.append(str(reason))
        if len(named) > MAX_PICTURES:
            reasons.append(f"has {len(named)} pictures; the first {MAX_PICTURES} are taken")
        return pictures, reasons

    def _picture(self, row: int, text: str) -> Picture:
        if text[:5].lower() == "data:":  # said before it is said to be too long
            text = text[:40]
        text = values.exact_text(text)
        url = values.picture_url(text, self._options.address)
        return Picture(row, text, url=url) if url else Picture(row, text, values.picture_path(text, self._folder))


def product_of(row: Row, options: FeedOptions) -> Product:
    """The product of a row, without its picture.

    Raises:
        BadValue: a value cannot be used.
    """
    record = {name: values.clean_text(value) for name, value in row.values.items() if name != "id"}
    amount, currency = _price(record, options)
    link = record.get("link", "")
    texts = {name: _WORDS.get(name, str)(record.get(name, "")) for name in TEXTS}
    return Product(
        id=values.product_id(values.exact_text(row.values.get("id", ""))),
        type=values.garment_type(record.get("type", ""), record.get("category", "")),
        price=amount,
        currency=currency,
        link=values.link(urljoin(options.address, link) if options.address and link else link),
        **texts,
    )


def _price(record: dict[str, str], options: FeedOptions) -> tuple[float | None, str]:
    """What is to be paid now: the reduced price while it holds, else the price."""
    amount, currency = values.price(record.get("price", ""), record.get("currency", ""))
    if record.get("sale_price") and values.is_within(record.get("sale_dates", ""), datetime.now(UTC)):
        reduced, reduced_currency = values.price(record["sale_price"], record.get("currency", ""))
        amount, currency = (amount, currency) if reduced is None else (reduced, reduced_currency or currency)
    return amount, currency or (options.currency if amount is not None else "")
