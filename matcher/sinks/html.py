"""report.html: one page that needs nothing else, not even the network."""

from __future__ import annotations

import base64
import hashlib
import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache
from importlib import resources
from typing import Any

import cv2
import jinja2
import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from matcher.sightings import Sighting
from matcher.sinks.facts import UNITS, ReportFacts
from matcher.sinks.safe import safe_link
from matcher.timecode import Timecode
from matcher.types import EXACT, TIERS, Product

PictureOf = Callable[[Product], NDArray[np.uint8] | None]

# The page stays small whatever the film: what is cut is counted on the page and complete in the table.
MAX_PRODUCTS = 200
MAX_ROWS = 60  # appearances listed per product
MAX_THUMBNAILS = 400
_PER_PRODUCT = 6
_THUMB_PX = 176
_LEAST = 24  # narrowest mark on it
_TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)


def render_report(sightings: Sequence[Sighting], facts: ReportFacts, picture_of: PictureOf | None = None) -> str:
    """The page as text.

    It has no script, loads nothing, and its content security policy forbids both. Everything from the shop and the
    file is escaped; only http(s) links become links.

    Args:
        sightings: in the order of their times.
        facts: about the video.
        picture_of: gives the shop's picture (H, W, 3) uint8 BGR of a product, or None.
    """
    groups: dict[str, list[Sighting]] = defaultdict(list)
    for sighting in sightings:
        groups[sighting.product.id].append(sighting)
    ordered = sorted(groups.values(), key=lambda g: -sum(s.screen_time for s in g))
    budget = [MAX_THUMBNAILS]
    cards = [_card(group, facts, budget, picture_of) for group in ordered[:MAX_PRODUCTS]]
    style = _style()
    # The policy names the one style sheet by its hash: inline styles that slipped in would not be applied.
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return _template().render(
        facts=facts,
        cards=cards,
        disclosures=list(dict.fromkeys(card["disclosure"] for card in cards if card["link"] and card["disclosure"])),
        left_out=max(len(ordered) - MAX_PRODUCTS, 0),
        appearances=len(sightings),
        exact=sum(any(s.tier == EXACT for s in group) for group in ordered),
        products=len(ordered),
        shots=len({s.shot for s in sightings}),
        length=_duration(facts.length),
        ticks=_ticks(facts),
        cuts=_cuts(sightings, facts),
        units=UNITS,
        style=Markup(style),  # ours, not the user's
        style_hash=digest,
    )


@cache
def _style() -> str:
    return resources.files("matcher.sinks").joinpath("report.css").read_text("utf-8").strip()


@cache
def _template() -> jinja2.Template:
    text = resources.files("matcher.sinks").joinpath("report.html").read_text("utf-8")
    settings = {"autoescape": True, "undefined": jinja2.StrictUndefined, "trim_blocks": True, "lstrip_blocks": True}
    return jinja2.Environment(**settings).from_string(text)


def _card(group: list[Sighting], facts: ReportFacts, budget: list[int], picture_of: PictureOf | None) -> dict[str, Any]:
    product = group[0].product
    screen = sum(s.screen_time for s in group)
    tier = max(s.tier for s in group)
    return {
        "product": product,
        "link": safe_link(product.link),
        "disclosure": product.disclosure,
        "price": _price(product),
        "type": group[0].type,
        "tier": TIERS[tier],
        "screen": _duration(float(screen)),
        "share": f"{min(float(screen) / facts.length, 1):.0%}",
        "score": f"{np.mean([s.mean_score for s in group]):.2f}",
        "shop_picture": _shop_picture(product, picture_of, budget),
        "thumbs": _thumbnails(group, facts, budget),
        "marks": [_mark(s, facts) for s in group],
        "rows": [_row(s, facts) for s in group[:MAX_ROWS]],
        "more_rows": max(len(group) - MAX_ROWS, 0),
        "count": len(group),
    }


def _row(sighting: Sighting, facts: ReportFacts) -> dict[str, Any]:
    return {
        "first": facts.timecode.format(sighting.first),
        "last": facts.timecode.format(sighting.last),
        "screen": _duration(float(sighting.screen_time)),
        "tier": TIERS[sighting.tier],
        "score": f"{sighting.mean_score:.2f}",
        "shot": sighting.shot,
        "tracks": ", ".join(map(str, sighting.tracks)),
    }


def _mark(sighting: Sighting, facts: ReportFacts) -> dict[str, Any]:
    x = facts.place(sighting.first)
    # A glimpse in a long film would be thinner than a pixel.
    wide = max(facts.place(sighting.last) - x, _LEAST)
    words = f"{facts.timecode.format(sighting.first)} to {facts.timecode.format(sighting.last)}"
    return {"x": min(x, UNITS - wide), "width": wide, "tier": TIERS[sighting.tier], "words": words}


def _thumbnails(group: list[Sighting], facts: ReportFacts, budget: list[int]) -> list[dict[str, str]]:
    longest = sorted((s for s in group if s.thumbnail), key=lambda s: -s.screen_time)[: min(_PER_PRODUCT, budget[0])]
    budget[0] -= len(longest)
    return [
        {"data": _data_uri(s.thumbnail), "words": f"seen at {facts.timecode.format(s.first)}"}
        for s in sorted(longest, key=lambda s: s.first)
    ]


def _shop_picture(product: Product, picture_of: PictureOf | None, budget: list[int]) -> str:
    image = picture_of(product) if picture_of is not None and budget[0] > 0 else None
    if image is None:
        return ""
    budget[0] -= 1
    scale = min(_THUMB_PX / max(image.shape[:2]), 1)
    size = max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return _data_uri(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 82])[1].tobytes())


def _data_uri(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()


def _price(product: Product) -> str:
    return "" if product.price is None else f"{product.price:,.2f} {product.currency}".strip()


def _duration(seconds: float) -> str:
    """Seconds in words: 4.2 s, 3 min 12 s, 1 h 02 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def _ticks(facts: ReportFacts) -> list[dict[str, Any]]:
    """At most eight round times along the timeline, counted from the video's first frame."""
    step = next((t for t in _TICKS if facts.length / t <= 7), math.ceil(facts.length / 7))
    begin = facts.start - facts.timecode.origin
    ticks = []
    for number in range(math.ceil(begin / step), math.floor((begin + Fraction(facts.length)) / step) + 1):
        seconds = number * step
        clock = f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        ticks.append({"x": facts.place(facts.timecode.origin + seconds), "words": clock.removeprefix("0:")})
    return [tick for tick in ticks if tick["x"] <= UNITS * 0.96]


def _cuts(sightings: Sequence[Sighting], facts: ReportFacts) -> list[int]:
    """About where shots with sightings begin, in drawing units; too many would hide the marks."""
    begin: dict[int, Fraction] = {}
    for sighting in sightings:
        begin[sighting.shot] = min(begin.get(sighting.shot, sighting.first), sighting.first)
    cuts = [facts.place(time) for shot, time in sorted(begin.items())[1:]]
    return cuts if len(cuts) <= 60 else []
