"""Our names of a product's values, and the names that shops give to the same columns and keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

TEXTS = ("title", "brand", "colour", "gender", "age_group", "availability", "group_id")
KNOWN = frozenset(
    {*TEXTS, "id", "image", "images", "type", "category", "link", "price", "sale_price", "sale_dates", "currency"}
)
# Several columns may stand for each of these, and all of them count.
MANY = frozenset({"category", "images"})
ALIASES = {
    "color": "colour",
    "farbe": "colour",
    "url": "link",
    "product_url": "link",
    "product_link": "link",
    "deeplink": "link",
    "image_link": "image",
    "image_path": "image",
    "image_url": "image",
    "image_src": "image",
    "picture": "image",
    "photo": "image",
    "additional_image_link": "images",
    "additional_image_links": "images",
    "additional_images": "images",
    "image_links": "images",
    "pictures": "images",
    "photos": "images",
    "item_group_id": "group_id",
    "parent_id": "group_id",
    "parent_sku": "group_id",
    "google_product_category": "category",
    "categories": "category",
    "product_type": "category",
    "product_id": "id",
    "sku": "id",
    "name": "title",
    "vendor": "brand",
    "manufacturer": "brand",
    "sale_price_effective_date": "sale_dates",
    "age_range": "age_group",
    "agegroup": "age_group",
    "stock_status": "availability",
}


def key(name: str) -> str:
    """A column's name without regard to case, spaces, dashes and underscores: "Image Link" is "image_link"."""
    return "_".join(name.lower().replace("-", " ").replace("_", " ").split())


def ours(theirs: Iterable[str], columns: Mapping[str, str]) -> list[str]:
    """Our names for the columns of a feed; what has none keeps its `key`.

    Args:
        theirs: the feed's names, in order.
        columns: our name -> the feed's, as the user says it. It goes before everything else.
    """
    said = {key(name): known for known, name in columns.items()}
    keys = [key(name) for name in theirs]
    named: list[str] = []
    for name in keys:
        alias = ALIASES.get(name, name)
        # Another name counts only where the column's own name is not there, and the first of several.
        later = alias != name and alias not in MANY and (alias in keys or alias in named)
        named.append(said.get(name) or (f"({name})" if later or alias in columns else alias))
    return named
