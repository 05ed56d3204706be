"""What feeds are made of: rows as a format gives them; products with their pictures; rows that cannot be used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from matcher.types import Product

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif"})


@dataclass(frozen=True)
class FeedOptions:
    """What a user may say about a feed.

    Attributes:
        columns: our name of a column -> the feed's name, for tables and JSONL, e.g. {"id": "ArtNr"}.
        currency: of prices that name none, a three-letter code; "" = unknown.
        address: where the feed was downloaded from; relative pictures and links are relative to it, and nothing on
            this machine may be named. "" = a file of this machine.
    """

    columns: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    currency: str = ""
    address: str = ""


@dataclass(frozen=True)
class Row:
    """One row of a feed in our names, its values as the feed writes them; the normaliser checks them.

    Attributes:
        number: where it stands: the line of a file, or a running number.
        values: of the names in `normalise.TEXTS`; what is missing is unknown.
        images: pictures as the feed names them.
        problem: why the row cannot be used at all; "" = as far as the format can tell, it can.
    """

    number: int
    values: Mapping[str, str]
    images: tuple[str, ...] = ()
    problem: str = ""


class Format(Protocol):
    """A kind of feed. To add one, write a module with such a class and enter it in `open.FORMATS`."""

    kind: str  # for people, e.g. "CSV"

    def __init__(self, path: Path, options: FeedOptions) -> None:
        """Open a file; it is read by `rows`."""
        ...

    @classmethod
    def accepts(cls, path: Path, head: str, options: FeedOptions) -> bool:
        """Whether a file is of this kind, by its first 64 KiB of text."""
        ...

    def rows(self) -> Iterator[Row]:
        """Every row, in the order of the feed, read as it is asked for.

        Raises:
            FeedError: the feed as a whole cannot be understood.
        """
        ...


@dataclass(frozen=True)
class Picture:
    """One picture of a product.

    Attributes:
        row: where the feed names it, as in `Row.number`.
        name: as the feed writes it.
        path: the file; None for a picture of the web.
        url: its address; "" for a file.
    """

    row: int
    name: str
    path: Path | None = None
    url: str = ""

    @property
    def source(self) -> Path | str:
        """What tells two pictures apart: the file or the address."""
        return self.path or self.url


@dataclass(frozen=True)
class FeedItem:
    """One product of a feed.

    Attributes:
        row: where it is first named, as in `Row.number`.
        product: `type` is empty where the feed names none that we know: then the picture decides.
        pictures: at least one.
    """

    row: int
    product: Product
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class Rejected:
    """A row or picture that cannot be used.

    Attributes:
        row: as in `Row.number`.
        id: the product's, where it is known.
        reason: one plain sentence part that says what is wrong.
    """

    row: int
    id: str
    reason: str


@dataclass(frozen=True)
class FeedContent:
    """All of a feed, in its own order. Nothing is lost: every row is in one of the two lists."""

    items: tuple[FeedItem, ...]
    rejected: tuple[Rejected, ...]

    @property
    def picture_count(self) -> int:
        """Pictures of all items."""
        return sum(len(item.pictures) for item in self.items)

    @property
    def is_remote(self) -> bool:
        """Whether any picture must be fetched."""
        return any(picture.url for item in self.items for picture in item.pictures)


class Collector:
    """Gathers checked rows: a repeated id adds pictures to its product if the rows agree in all else."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._products: dict[str, tuple[int, Product]] = {}
        self._pictures: dict[str, list[Picture]] = {}
        self._rejected: list[Rejected] = []

    def reject(self, row: int, product_id: str, reason: str) -> None:
        """Note a row that cannot be used."""
        self._rejected.append(Rejected(row, printable(product_id), printable(reason)))

    def add(self, row: int, product: Product, pictures: Iterable[Picture]) -> None:
        """Note a good row with at least one picture; a repeated id is checked against its first row."""
        first_row, first = self._products.setdefault(product.id, (row, product))
        known = self._pictures.setdefault(product.id, [])
        there = {picture.source for picture in known}
        new = {picture.source: picture for picture in pictures if picture.source not in there}
        if product != first:
            other = ", ".join(_differences(product, first))
            self.reject(row, product.id, f"the id repeats row {first_row} with another {other}")
        elif not new:
            self.reject(row, product.id, f"repeats row {first_row} with the same picture")
        known.extend(new.values() if product == first else ())

    def content(self) -> FeedContent:
        """Everything noted so far, rejected rows in the order of the feed."""
        items = (FeedItem(row, one, tuple(self._pictures[one.id])) for row, one in self._products.values())
        return FeedContent(tuple(items), tuple(sorted(self._rejected, key=lambda rejected: rejected.row)))


def printable(text: str) -> str:
    """A text that can be written as UTF-8, whatever bytes it was read from."""
    return text.encode("utf-8", "replace").decode()


def _differences(a: Product, b: Product) -> Iterable[str]:
    names = (name for name in Product.__dataclass_fields__ if name != "image")
    return [name.replace("_", " ") for name in names if getattr(a, name) != getattr(b, name)]
