"""What the script of report.html draws: plain values, as JSON inside the page."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from matcher.attributes.describe import Attributes, keywords
from matcher.sightings import Sighting
from matcher.sinks.facts import UNITS, ReportFacts
from matcher.sinks.page_pictures import PictureOf, Pictures
from matcher.sinks.safe import safe_link
from matcher.types import TIERS, Product

# The page stays small whatever the film: what is cut is counted on the page and complete in the table.
MAX_PRODUCTS = 2000
MAX_ROWS = 300  # appearances listed per product
PER_PRODUCT = 6  # pictures
LEAST = 12  # narrowest mark on the timeline


def page_data(sightings: Sequence[Sighting], facts: ReportFacts, picture_of: PictureOf | None = None) -> dict[str, Any]:
    """Products, groups of what was worn together, shots and pictures.

    Args:
        sightings: in the order of their times.
        facts: about the video.
        picture_of: gives the shop's picture (H, W, 3) uint8 BGR of a product, or None.
    """
    groups = by_product(sightings)[:MAX_PRODUCTS]
    pictures = Pictures()
    bests = [_by_screen_time(group) for group in groups]
    # Every product gets its best picture before any gets a second one.
    chosen: list[list[tuple[int, str]]] = [[] for _ in groups]
    for place in range(PER_PRODUCT):
        for number, best in enumerate(bests):
            if place < len(best) and (index := pictures.add(best[place].thumbnail)) >= 0:
                chosen[number].append((index, f"seen at {facts.timecode.format(best[place].best_time)}"))
    shops = [pictures.shop(group[0].product, picture_of) for group in groups]
    parts = zip(groups, chosen, shops, strict=True)
    products = [_product(group, facts, shown, shop) for group, shown, shop in parts]
    index = {group[0].product.id: number for number, group in enumerate(groups)}
    kept = [s for s in sightings if s.product.id in index]
    return {
        "length": facts.length,
        "offset": float(facts.start - facts.timecode.origin),
        "products": products,
        "people": _people(kept, facts, index),
        "shots": _shots(kept, facts, index),
        "thumbs": pictures.encoded,
    }


def by_product(sightings: Sequence[Sighting]) -> list[list[Sighting]]:
    """The sightings of each product, the product that was seen longest first."""
    groups: dict[str, list[Sighting]] = defaultdict(list)
    for sighting in sightings:
        groups[sighting.product.id].append(sighting)
    return sorted(groups.values(), key=lambda group: -sum(s.screen_time for s in group))


def for_script(data: dict[str, Any]) -> str:
    """JSON that cannot end the element that it stands in."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def price(product: Product) -> str:
    """A price as people write it, "" where there is none."""
    return "" if product.price is None else f"{product.price:,.2f} {product.currency}".strip()


def mark(sighting: Sighting, facts: ReportFacts) -> list[Any]:
    """[place, width, tier] on the timeline, wide enough to be seen."""
    x = facts.place(sighting.first)
    wide = max(facts.place(sighting.last) - x, LEAST)
    return [min(x, UNITS - wide), wide, TIERS[sighting.tier]]


def _product(group: list[Sighting], facts: ReportFacts, shown: list[tuple[int, str]], shop: int) -> dict[str, Any]:
    product, screen = group[0].product, float(sum(s.screen_time for s in group))
    look = _look(group)
    return {
        "id": product.id,
        "name": product.name,
        "brand": product.brand,
        "type": group[0].type,
        "tier": TIERS[max(s.tier for s in group)],
        "price": price(product),
        "link": safe_link(product.link),
        "disclosure": product.disclosure,
        "screen": screen,
        "share": f"{min(screen / facts.length, 1):.0%}",
        "score": round(float(np.mean([s.mean_score for s in group])), 4),
        "count": len(group),
        "colours": list(look.colours),
        "swatches": [f"rgb({r},{g},{b})" for b, g, r in look.swatches],
        "pattern": look.pattern,
        "details": list(look.details),
        "keywords": keywords(group[0].type, look),
        "marks": [mark(s, facts) for s in group],
        "rows": [_row(s, facts) for s in group[:MAX_ROWS]],
        "more": max(len(group) - MAX_ROWS, 0),
        "pictures": shown,
        "shop": shop,
    }


def _look(group: list[Sighting]) -> Attributes:
    """What a product looks like where it was seen longest."""
    return max(group, key=lambda s: (bool(s.attributes.colours), s.screen_time)).attributes


def _by_screen_time(group: list[Sighting]) -> list[Sighting]:
    return sorted((s for s in group if s.thumbnail), key=lambda s: -s.screen_time)


def _row(sighting: Sighting, facts: ReportFacts) -> list[str]:
    code = facts.timecode
    return [
        code.format(sighting.first),
        code.format(sighting.last),
        f"{float(sighting.screen_time):.1f} s",
        TIERS[sighting.tier],
        f"{sighting.mean_score:.2f}",
        str(sighting.shot),
        ", ".join(map(str, sighting.outfits)),
        str(sighting.best_frame),
    ]


def _people(sightings: Sequence[Sighting], facts: ReportFacts, index: dict[str, int]) -> list[dict[str, Any]]:
    """What was worn together, in the order of first sight."""
    outfits: dict[int, list[Sighting]] = defaultdict(list)
    for sighting in sightings:
        for number in sighting.outfits:
            outfits[number].append(sighting)
    found = [_group(f"Outfit {number}", group, facts, index) for number, group in sorted(outfits.items())]
    return sorted(found, key=lambda group: group["marks"][0][0])


def _shots(sightings: Sequence[Sighting], facts: ReportFacts, index: dict[str, int]) -> list[dict[str, Any]]:
    """The shots with products, each with its times; its mark is the shot itself."""
    shots: dict[int, list[Sighting]] = defaultdict(list)
    for sighting in sightings:
        shots[sighting.shot].append(sighting)
    found = []
    for number, group in sorted(shots.items()):
        first, last = facts.span_of(number)
        name = f"Shot {number}: {facts.timecode.format(first)}"
        x = facts.place(first)
        tier = TIERS[max(s.tier for s in group)]
        marks = [[x, max(facts.place(last) - x, LEAST), tier]]
        found.append({**_group(name, group, facts, index), "marks": marks, "screen": float(last - first)})
    return found


def _group(name: str, group: list[Sighting], facts: ReportFacts, index: dict[str, int]) -> dict[str, Any]:
    products = dict.fromkeys(index[s.product.id] for s in group)
    return {
        "name": name,
        "products": list(products),
        "marks": [mark(s, facts) for s in group],
        "screen": float(_covered(group)),
    }


def _covered(group: list[Sighting]) -> Fraction:
    """Seconds in which at least one of the sightings holds."""
    total, reached = Fraction(0), Fraction(-1)
    for sighting in sorted(group, key=lambda s: s.first):
        begin = max(sighting.first, reached)
        if sighting.last > begin:
            total += sighting.last - begin
            reached = sighting.last
    return total
