"""What a catalogue's products can be narrowed down by: their brands, prices and availability."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

IN_STOCK = "in stock"  # as `vocabulary.availability` writes it
MOST_BRANDS = 200


@dataclass(frozen=True)
class Facets:
    """Values that products have.

    Attributes:
        brands: the most frequent ones, at most `MOST_BRANDS`, by name; spellings that differ in case are one.
        currencies: of the prices, the most frequent first.
        price_min, price_max: the least and the highest price, whatever the currency; None where there is no price.
        in_stock: how many products the shop says are in stock.
    """

    brands: tuple[str, ...]
    currencies: tuple[str, ...]
    price_min: float | None
    price_max: float | None
    in_stock: int


def read_facets(query: Callable[[str], list[tuple]]) -> Facets:
    """Ask a product table.

    Args:
        query: runs SQL on it.
    """
    brands = query(
        "SELECT min(brand) FROM product WHERE trim(brand) != '' GROUP BY brand COLLATE NOCASE"
        f" ORDER BY count(*) DESC, min(brand) LIMIT {MOST_BRANDS}"
    )
    currencies = query(
        "SELECT currency FROM product WHERE currency != '' AND price IS NOT NULL"
        " GROUP BY currency ORDER BY count(*) DESC, currency LIMIT 20"
    )
    lowest, highest = query("SELECT min(price), max(price) FROM product")[0]
    stocked = query(f"SELECT count(*) FROM product WHERE availability = '{IN_STOCK}' COLLATE NOCASE")[0][0]
    by_name = tuple(sorted((name for (name,) in brands), key=str.casefold))
    return Facets(by_name, tuple(code for (code,) in currencies), lowest, highest, stocked)
