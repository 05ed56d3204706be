"""trends.html: plots of what is worn, drawn as SVG; one page without scripts that needs nothing else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from matcher.attributes.palette import SHOWN
from matcher.sinks.html import duration
from matcher.sinks.standalone import digest, packaged, template
from matcher.trends.runs import Title
from matcher.trends.tables import KINDS, Count

PACKAGE = "matcher.trends"
MOST_BARS = 15
MOST_BANDS = 7  # names of a chart over time; the rest are one grey band
WIDTH, HEIGHT = 720, 220
HEADINGS = {
    "type": "Types",
    "colour": "Colours",
    "pattern": "Patterns",
    "cut": "Sleeves and lengths",
    "attribute": "Attributes",
    "product": "Products",
}
OVER = {"period": "by date", "part": "from the films' beginning to their end, in tenths", "title": "by title"}
_COLOURS = ("#2f7ed8", "#e19a1a", "#1f9d63", "#c3424b", "#7b5ea7", "#3aa6b9", "#d0699a")
_REST = "#9aa1ad"


def render_trends(titles: Sequence[Title], found: Sequence[Count]) -> str:
    """The page as text; all that comes from films and shops is escaped."""
    groups: dict[tuple[str, str], list[Count]] = defaultdict(list)
    for count in found:
        groups[count.kind, count.over].append(count)
    sections = [_section(kind, groups) for kind in KINDS if groups[kind, "all"]]
    style = packaged(PACKAGE, "trends.css")
    rows = [_title_row(title) for title in titles]
    return template(PACKAGE, "trends.html").render(
        sections=sections, titles=rows, style=Markup(style), style_hash=digest(style), width=WIDTH, height=HEIGHT
    )


def _section(kind: str, groups: dict[tuple[str, str], list[Count]]) -> dict[str, Any]:
    ranked = groups[kind, "all"]
    longest = ranked[0].seconds or 1.0
    bars = [
        {
            "name": count.name,
            "width": round(100 * count.seconds / longest, 2),
            "colour": _colour(kind, count.name, place),
            "words": f"{duration(count.seconds)}, {count.appearances} times in {count.titles} titles",
        }
        for place, count in enumerate(ranked[:MOST_BARS])
    ]
    charts = [_chart(kind, over, ranked, groups[kind, over]) for over in OVER]
    shown = [chart for chart in charts if chart is not None]
    return {"heading": HEADINGS[kind], "bars": bars, "more": max(len(ranked) - MOST_BARS, 0), "charts": shown}


def _chart(kind: str, over: str, ranked: list[Count], found: list[Count]) -> dict[str, Any] | None:
    """A stacked chart of shares: a column for each place; None where there is one place only."""
    at = list(dict.fromkeys(count.at for count in found))
    if len(at) < 2:
        return None
    names = [count.name for count in ranked[:MOST_BANDS]]
    shares = {(count.at, count.name): count.share for count in found}
    wide = WIDTH / len(at)
    columns = []
    for place, where in enumerate(at):
        total = sum(count.share for count in found if count.at == where) or 1.0
        parts = [(name, shares.get((where, name), 0.0) / total) for name in names]
        parts.append(("others", max(1 - sum(share for _, share in parts), 0.0)))
        columns.append({"words": where, "x": round(place * wide, 2), "parts": _stack(kind, parts, names)})
    legend = [{"name": name, "colour": _colour(kind, name, place)} for place, name in enumerate(names)]
    if len(ranked) > len(names):
        legend.append({"name": "others", "colour": _REST})
    return {"over": OVER[over], "columns": columns, "wide": round(wide * 0.9, 2), "legend": legend}


def _stack(kind: str, parts: list[tuple[str, float]], names: list[str]) -> list[dict[str, Any]]:
    stacked, reached = [], 0.0
    for name, share in parts:
        if share > 1e-4:
            colour = _colour(kind, name, names.index(name)) if name in names else _REST
            high = {"y": round(HEIGHT * (1 - reached - share), 2), "high": round(HEIGHT * share, 2)}
            stacked.append({"name": name, "words": f"{share:.0%}", "colour": colour, **high})
        reached += share
    return stacked


def _colour(kind: str, name: str, place: int) -> str:
    if kind == "colour" and name in SHOWN:
        blue, green, red = SHOWN[name]
        return f"#{red:02x}{green:02x}{blue:02x}"
    return _COLOURS[place % len(_COLOURS)]


def _title_row(title: Title) -> dict[str, str]:
    seconds = sum(seen.seconds for seen in title.seen)
    products = len({seen.product for seen in title.seen})
    words = {"name": title.name, "date": title.date, "length": duration(title.length_s)}
    return {**words, "screen": duration(seconds), "products": str(products)}
