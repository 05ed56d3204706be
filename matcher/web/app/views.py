"""From our values to those of the API."""

from __future__ import annotations

from urllib.parse import urlencode

from matcher.sinks.safe import safe_link
from matcher.types import TIERS, Garments, Product
from matcher.web.app.finder import Details, Look
from matcher.web.app.history import History
from matcher.web.app.schemas import ColourOut, GarmentOut, LookOut, MatchOut, ProductOut
from matcher.web.pages import price


def product_out(product: Product) -> ProductOut:
    """A product, its link made harmless."""
    return ProductOut(
        **{name: getattr(product, name) for name in ("id", "type", "brand", "colour", "currency", "availability")},
        title=product.name,
        price=product.price,
        price_text=price(product.price, product.currency),
        link=safe_link(product.link),
        disclosure=product.disclosure,
        picture="/api/products/picture?" + urlencode({"id": product.id}),
    )


def matches_out(found: list[tuple[Product, float]], history: History) -> list[MatchOut]:
    """Products with similarities in the order that history gives them."""
    return [MatchOut(product=product_out(one), score=round(score, 4)) for one, score in history.ordered(found)]


def look_out(look: Look, history: History) -> LookOut:
    """A picture with everything in it."""
    width, height = look.size
    garments = [_garment(look, i, one, look.details[i], history) for i, one in enumerate(look.garments)]
    persons = int(look.persons.max()) + 1 if len(look.persons) else 0
    picture = f"/api/looks/{look.id}/picture"
    facts = {"id": look.id, "width": width, "height": height, "picture": picture, "ms": round(look.ms, 1)}
    return LookOut(**facts, garments=garments, persons=persons)


def candidates(one: Garments) -> list[tuple[Product, float]]:
    """The products found for a garment of length 1, best first."""
    if not one.has("product_row"):
        return []
    pairs = zip(one.product_row[0], one.match_score[0], strict=True)
    return [(product, float(score)) for row, score in pairs if (product := one.listing(int(row))) is not None]


def _garment(look: Look, number: int, one: Garments, details: Details, history: History) -> GarmentOut:
    base = f"/api/looks/{look.id}/garments/{number}"
    tier, found = TIERS[int(one.tier[0])], candidates(one)
    # The first one is what the tier speaks of: an exact match stays where it is.
    first, rest = (found[:1], found[1:]) if tier == "exact" else ([], found)
    return GarmentOut(
        number=number,
        person=int(look.persons[number]),
        type=one.type_name,
        type_score=round(float(one.type_score[0]), 4),
        score=round(float(one.score[0]), 4),
        box=tuple(round(float(v), 1) for v in one.xyxy[0]),
        outline=details.path,
        keywords=details.words,
        colours=_colours(details),
        tier=tier,
        matches=matches_out(first, history) + matches_out(rest, history),
        crop=f"{base}/crop",
        cutout=f"{base}/cutout",
    )


def _colours(details: Details) -> list[ColourOut]:
    seen = details.attributes
    parts = zip(seen.colours, seen.shares, seen.swatches, strict=True)
    return [ColourOut(name=name, share=share, swatch=f"#{r:02x}{g:02x}{b:02x}") for name, share, (b, g, r) in parts]
