"""schema.org's Product, ProductGroup and Offer as rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from indexer.feeds import json_values
from indexer.feeds.base import Row
from indexer.feeds.values import BadValue

_DEEPEST = 20
_WITHIN = ("@graph", "mainEntity", "itemListElement", "item", "hasVariant", "itemOffered", "about")


def products(content: Any, group: dict[str, Any] | None = None, depth: int = 0) -> Iterator[Row]:
    """A row for every Product in a JSON-LD document; the numbers of the rows are 0.

    Args:
        content: parsed JSON.
        group: the ProductGroup around it, whose values stand in where a variant has none.
        depth: how deep it stands; deeper than 20 nothing is looked for.
    """
    if depth > _DEEPEST:
        return
    if isinstance(content, list):
        for one in content:
            yield from products(one, group, depth + 1)
    elif isinstance(content, dict):
        is_group = _is_a(content, "ProductGroup") and "hasVariant" in content
        if _is_a(content, "Product", "ProductGroup", "IndividualProduct", "ProductModel") and not is_group:
            yield _row(content, group or {})
            return
        for name in _WITHIN:
            yield from products(content.get(name), content if is_group else group, depth + 1)


def _is_a(thing: dict[str, Any], *kinds: str) -> bool:
    types = thing.get("@type")
    types = types if isinstance(types, list) else [types]
    return any(isinstance(one, str) and one.rpartition("/")[2].rpartition(":")[2] in kinds for one in types)


def _row(thing: dict[str, Any], group: dict[str, Any]) -> Row:
    values = {"id": _id(thing)}
    try:
        parent = thing.get("isVariantOf") if isinstance(thing.get("isVariantOf"), dict) else group
        values |= {name: _name_of(_first(thing, parent, key), name) for name, key in _TEXTS.items()}
        values["group_id"] = _text(thing.get("inProductGroupWithID")) or _text(parent.get("productGroupID"))
        values |= _audience(_first(thing, parent, "audience"))
        values |= _offer(_first(thing, parent, "offers"))
        if _text(thing.get("url")):
            values["link"] = _text(thing["url"])
        return Row(0, values, tuple(_images(_first(thing, parent, "image"))))
    except BadValue as reason:
        return Row(0, {"id": values["id"]}, problem=str(reason))


_TEXTS = {"title": "name", "brand": "brand", "colour": "color", "category": "category", "link": "url"}


def _id(thing: dict[str, Any]) -> str:
    names = ("sku", "productID", "@id", "gtin13", "gtin", "mpn", "url")
    return next((text for text in (_text(thing.get(name)) for name in names) if text), "")


def _first(thing: dict[str, Any], parent: dict[str, Any], name: str) -> Any:
    return thing[name] if thing.get(name) not in (None, "", []) else parent.get(name)


def _text(value: Any) -> str:
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""


def _name_of(value: Any, name: str) -> str:
    """A text, or the name of a thing such as a Brand."""
    if isinstance(value, list) and any(isinstance(one, dict) for one in value):
        value = value[0]
    return json_values.text_of(value.get("name") if isinstance(value, dict) else value, name)


def _images(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _images(one) if not isinstance(one, list) else ()
    elif isinstance(value, dict):
        yield from _images(value.get("contentUrl") or value.get("url") or value.get("@id"))
    elif isinstance(value, str):
        yield value
    elif value is not None:
        raise BadValue("a picture is not named by a text")


def _audience(value: Any) -> dict[str, str]:
    value = value[0] if isinstance(value, list) and value else value
    if not isinstance(value, dict):
        return {}
    oldest = value.get("suggestedMaxAge")
    is_child = isinstance(oldest, (int, float)) and oldest < 13
    gender = _text(value.get("suggestedGender")).rpartition("/")[2]
    return {"gender": gender, "age_group": "kids" if is_child else ""}


def _offer(value: Any) -> dict[str, str]:
    """Price, currency and availability of an Offer, of an AggregateOffer, or of the first of several that is sold."""
    offers = [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]
    if not offers:
        return {}
    offer = next((one for one in offers if "instock" in _text(one.get("availability")).lower()), offers[0])
    if "price" not in offer and "lowPrice" not in offer and isinstance(offer.get("offers"), (list, dict)):
        return _offer(offer["offers"])
    nested = offer.get("priceSpecification")
    nested = nested[0] if isinstance(nested, list) and nested else nested
    source = {**(nested if isinstance(nested, dict) else {}), **offer}
    amount = source.get("price", source.get("lowPrice"))
    found = {"price": json_values.text_of(amount, "price"), "currency": _text(source.get("priceCurrency"))}
    found["availability"] = _text(offer.get("availability"))
    return found | ({"link": _text(offer["url"])} if _text(offer.get("url")) else {})
