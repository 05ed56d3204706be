"""What a new generation changes for the shop: products added, changed, removed, gone out of stock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from matcher.catalog.table import Table
from matcher.types import Product

_OUT = "out of stock"


@dataclass(frozen=True)
class Changes:
    """Numbers of products, against the generation before.

    Attributes:
        added: new ids.
        changed: ids of which a value, a picture or the type is another.
        removed: ids that are no longer there.
        unchanged: the rest.
        sold_out: of the changed, those that are out of stock and were not.
    """

    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    sold_out: int = 0


class Comparison:
    """Compares products with those of a generation, one by one."""

    def __init__(self, before: Table | None) -> None:
        """Take the products of before; None = there are none."""
        self._before = before
        self._seen = 0
        self._counts = dict.fromkeys(("added", "changed", "unchanged", "sold_out"), 0)

    def note(self, product: Product, contents: list[str]) -> None:
        """Count a product of the new generation; `contents` are the keys of its pictures."""
        row = self._before.row_of(product.id) if self._before is not None else None
        if row is None:
            self._counts["added"] += 1
            return
        self._seen += 1
        was = self._before.stored(row)
        same = was == product and sorted(one.content for one in self._before.origins(row)) == sorted(contents)
        self._counts["unchanged" if same else "changed"] += 1
        self._counts["sold_out"] += product.availability == _OUT != was.availability

    def result(self) -> Changes:
        """The numbers, when all products were noted."""
        total = len(self._before) if self._before is not None else 0
        return Changes(removed=total - self._seen, **self._counts)


def rows_but(table: Table, ids: set[str]) -> Iterator[int]:
    """Rows of the products whose ids are not among these."""
    for row in range(len(table)):
        if table.stored(row).id not in ids:
            yield row
