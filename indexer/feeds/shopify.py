"""Shopify's product export as CSV, with the headers of both generations (`Handle`, ... and `URL handle`, ...).

Lines with one handle are one product: the first has its texts, further lines its variants and pictures. Sizes of a
garment look alike, so they are one product of ours; each colour is a product of its own where pictures tell colours
apart, all in one group.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from indexer.feeds import table
from indexer.feeds.base import FeedOptions, Row
from indexer.feeds.names import key
from indexer.feeds.table import Fields
from indexer.feeds.text import read_head
from indexer.feeds.values import BadValue, price

# Our name of a column -> its names in both generations, the older first.
_COLUMNS = {
    "handle": ("Handle", "URL handle"),
    "title": ("Title",),
    "brand": ("Vendor",),
    "category": ("Product Category", "Product category"),
    "google": ("Google Shopping / Google Product Category", "Google Shopping / Google product category"),
    "type": ("Type",),
    "published": ("Published", "Published on online store"),
    "status": ("Status",),
    "price": ("Variant Price", "Price"),
    "sku": ("Variant SKU", "SKU"),
    "stock": ("Variant Inventory Qty", "Inventory quantity"),
    "tracker": ("Variant Inventory Tracker", "Inventory tracker"),
    "oversell": ("Variant Inventory Policy", "Continue selling when out of stock"),
    "image": ("Image Src", "Product image URL"),
    "variant image": ("Variant Image", "Variant image URL"),
    "gift": ("Gift Card", "Gift card"),
    "gender": ("Google Shopping / Gender",),
    "age_group": ("Google Shopping / Age Group", "Google Shopping / Age group"),
}
_KEYS = {name: tuple(dict.fromkeys(key(text) for text in texts)) for name, texts in _COLUMNS.items()}
_HANDLES = _KEYS["handle"]
_COLOURS = frozenset({"color", "colour", "farbe", "couleur", "colore", "kleur"})
_JUDGED = frozenset({*_HANDLES, "title", "vendor", "type", "image_src", "product_image_url", "variant_image"})
_NO = frozenset({"false", "no", "0"})


class ShopifyFeed:
    """Shopify's export. Rows are numbered by line."""

    kind = "Shopify CSV"

    def __init__(self, path: Path, options: FeedOptions) -> None:
        """See `Format`."""
        self._path = path

    @classmethod
    def accepts(cls, path: Path, head: str, options: FeedOptions) -> bool:
        """See `Format.accepts`."""
        header = table.header_of(head, (*_HANDLES, "title"), {}, plain=True)
        mark = {"variant_sku", "image_src", "variant_price", "product_image_url", "option1_name", "inventory_quantity"}
        return bool(set(_HANDLES) & set(header.columns)) and bool(mark & set(header.columns))

    def rows(self) -> Iterator[Row]:
        """See `Format.rows`."""
        header = table.header_of(read_head(self._path), (*_HANDLES, "title"), {}, plain=True)
        if not set(_HANDLES) & set(header.columns):
            raise table.missing_columns(header, self._path, "Handle or URL handle")
        table.check_header(header, self._path, frozenset(header.columns) & {*_HANDLES, *_KEYS["image"]})
        read = table.read_rows(self._path, header, _JUDGED)
        for handle, lines in groupby(_lines(read), key=lambda line: line.handle):
            yield from _products(handle, list(lines))


@dataclass(frozen=True)
class _Line:
    number: int
    handle: str
    fields: Fields
    problem: str = ""

    def get(self, name: str) -> str:
        """The value of one of `_COLUMNS`; "" where there is none."""
        found = (text.strip() for known in _KEYS[name] for text in self.fields.get(known, []))
        return next((text for text in found if text), "")

    @property
    def colour(self) -> str:
        """What the option of that name says."""
        for i in "123":
            if "".join(self.fields.get(f"option{i}_name", [])).strip().lower() in _COLOURS:
                return "".join(self.fields.get(f"option{i}_value", [])).strip()
        return ""


def _lines(read: Iterable[tuple[int, Fields | BadValue]]) -> Iterator[_Line]:
    handle = ""
    for number, fields in read:
        if isinstance(fields, BadValue):
            # In the midst of a product it must not cut the product in two.
            yield _Line(number, handle, {}, str(fields))
            continue
        handle = next((text.strip() for name in _HANDLES for text in fields.get(name, []) if text.strip()), "")
        yield _Line(number, handle, fields, "".join(fields.get(table.PROBLEM, [])))


def _products(handle: str, lines: list[_Line]) -> Iterator[Row]:
    bad = [line for line in lines if line.problem]
    yield from (Row(line.number, {"id": handle}, problem=line.problem) for line in bad)
    lines = [line for line in lines if not line.problem]
    if not lines:
        return
    if not handle:
        yield from (Row(line.number, {}, problem="has no handle") for line in lines)
        return
    unsold = _unsold(lines[0])
    if unsold:
        yield Row(lines[0].number, {"id": handle}, problem=unsold)
        return
    yield from _colours(handle, lines)


def _unsold(first: _Line) -> str:
    if first.get("published").lower() in _NO or first.get("status").lower() in ("draft", "archived"):
        return "is not published"
    return "is a gift card" if first.get("gift").lower() in ("true", "yes", "1") else ""


def _colours(handle: str, lines: Sequence[_Line]) -> Iterator[Row]:
    """One product for each colour that has pictures of its own; one in all where none has."""
    names = _option_names(lines)
    lines = [_Line(line.number, line.handle, {**line.fields, **_missing(names, line)}) for line in lines]
    variants = [line for line in lines if line.get("price") or line.get("sku")] or [lines[0]]
    colours = list(dict.fromkeys(line.colour for line in variants if line.colour))
    own = {colour: [line for line in variants if line.colour == colour] for colour in colours}
    pictured = all(any(line.get("variant image") for line in group) for group in own.values())
    if len(colours) < 2 or not pictured:
        images = [line.get(name) for name in ("image", "variant image") for line in lines]
        yield _row(lines[0], handle, handle, variants, colours[0] if len(colours) == 1 else "", images)
        return
    for colour, group in own.items():
        images = [line.get("variant image") for line in group]
        yield _row(lines[0], handle, f"{handle}:{colour}", group, colour, images)


def _option_names(lines: Iterable[_Line]) -> Fields:
    """The names of the options stand in the first line only."""
    first = next(iter(lines)).fields
    return {f"option{i}_name": first.get(f"option{i}_name", []) for i in "123"}


def _missing(names: Fields, line: _Line) -> Fields:
    return {name: texts for name, texts in names.items() if not "".join(line.fields.get(name, [])).strip()}


def _row(first: _Line, handle: str, product: str, variants: list[_Line], colour: str, images: list[str]) -> Row:
    values = {name: first.get(name) for name in ("title", "brand", "gender", "age_group", "type")}
    values |= {"id": product, "group_id": handle, "colour": colour}
    values["category"] = " | ".join(text for text in (first.get("google"), first.get("category")) if text)
    values["price"] = _lowest([line.get("price") for line in variants])
    values["availability"] = "in stock" if any(map(_is_sold, variants)) else "out of stock"
    return Row(variants[0].number, values, tuple(dict.fromkeys(image for image in images if image)))


def _lowest(prices: list[str]) -> str:
    """The lowest of several prices; the first that is none goes on, so that it is refused with its reason."""
    amounts = {}
    for text in filter(None, prices):
        try:
            amounts[text] = price(text)[0]
        except BadValue:
            return text
    return min(amounts, key=lambda text: amounts[text] or 0.0, default="")


def _is_sold(line: _Line) -> bool:
    """Whether a variant can be bought: its stock counts only where a tracker keeps it."""
    if not line.get("tracker") or line.get("oversell").lower() in ("continue", "true", "yes"):
        return True
    stock = line.get("stock")
    return not stock.lstrip("-").isdecimal() or int(stock[:12]) > 0
