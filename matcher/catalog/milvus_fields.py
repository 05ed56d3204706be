"""What Milvus keeps beside each vector, and the products that a search may return as one of its expressions.

Texts are kept percent-encoded: an expression then holds letters, digits and a few signs only, whatever a feed or a user
wrote, so that nothing in a text can end the quotes around it.
"""

from __future__ import annotations

import hashlib
import string
from typing import Any
from urllib.parse import quote

from matcher.catalog.filters import Filters
from matcher.types import Product

# Field -> the name of its condition in `Filters`; without regard to the case of ASCII letters, and exact ones.
FOLDED = {
    "brand": "brands",
    "colour": "colours",
    "gender": "genders",
    "age_group": "age_groups",
    "availability": "availability",
}
EXACT = {"product": "ids", "group_id": "group_ids", "type": "types"}
TEXTS = (*FOLDED, *EXACT, "currency")
LONGEST = 512  # bytes of a text
NO_PRICE = -1.0
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def values_of(product: Product) -> dict[str, Any]:
    """The values of the fields `TEXTS` and `price` of a product's vectors."""
    values: dict[str, Any] = {name: _folded(getattr(product, name)) for name in (*FOLDED, "currency")}
    values |= {"product": _kept(product.id), "group_id": _kept(product.group_id), "type": _kept(product.type)}
    return {**values, "price": NO_PRICE if product.price is None else float(product.price)}


def expression(filters: Filters) -> str:
    """The condition in Milvus's language; "" where nothing is asked."""
    parts: list[str] = []
    for fields, form in ((FOLDED, _folded), (EXACT, _kept)):
        for name, asked in fields.items():
            wanted = getattr(filters, asked)
            if wanted is not None:
                parts.append(f"{name} in [{', '.join(_quoted(form(text)) for text in wanted)}]")
    # A product without a price fails both bounds.
    if filters.price_min is not None:
        parts.append(f"price >= {max(float(filters.price_min), 0.0)!r}")
    if filters.price_max is not None:
        parts.append(f"price >= 0.0 and price <= {float(filters.price_max)!r}")
    if filters.currency is not None:
        parts.append(f"currency == {_quoted(_folded(filters.currency))}")
    return " and ".join(parts)


def _folded(text: str) -> str:
    return _kept(text.translate(_LOWER))


def _kept(text: str) -> str:
    encoded = quote(text, safe=" ", errors="surrogatepass")
    if len(encoded) <= LONGEST:
        return encoded
    # So long a text is told apart by its hash.
    return encoded[:400] + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _quoted(encoded: str) -> str:
    return f'"{encoded}"'
