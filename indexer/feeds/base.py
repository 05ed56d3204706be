"""What every feed gives: products with their pictures, and the rows that cannot be used, each with the reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from matcher.types import Product

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif"})


@dataclass(frozen=True)
class Picture:
    """One picture of a product.

    Attributes:
        row: where the feed names it: the line of a file, or a running number.
        name: as the feed writes it.
        path: the file.
    """

    row: int
    name: str
    path: Path


@dataclass(frozen=True)
class FeedItem:
    """One product of a feed.

    Attributes:
        row: where it is first named, as in `Picture`.
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
        row: as in `Picture`.
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


class Feed(Protocol):
    """A feed that was recognised and opened."""

    kind: str  # for people, e.g. "CSV"

    def read(self) -> FeedContent:
        """Read and check every row.

        Raises:
            FeedError: the feed as a whole cannot be understood.
        """
        ...


class Collector:
    """Gathers checked rows: a repeated id adds a picture to its product if the rows agree in all else."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._products: dict[str, tuple[int, Product]] = {}
        self._pictures: dict[str, list[Picture]] = {}
        self._rejected: list[Rejected] = []

    def reject(self, row: int, product_id: str, reason: str) -> None:
        """Note a row that cannot be used."""
        self._rejected.append(Rejected(row, printable(product_id), printable(reason)))

    def add(self, product: Product, picture: Picture) -> None:
        """Note a good row; a repeated id is checked against its first row."""
        first_row, first = self._products.setdefault(product.id, (picture.row, product))
        known = self._pictures.setdefault(product.id, [])
        if product != first:
            other = ", ".join(_differences(product, first))
            self.reject(picture.row, product.id, f"the id repeats row {first_row} with another {other}")
        elif any(picture.path == one.path for one in known):
            self.reject(picture.row, product.id, f"repeats row {first_row} with the same picture")
        else:
            known.append(picture)

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
