"""report.html: one page that needs nothing else, not even the network."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from matcher.sightings import Sighting
from matcher.sinks.facts import ReportFacts
from matcher.sinks.page_data import MAX_PRODUCTS, by_product, for_script, page_data
from matcher.sinks.page_pictures import PictureOf
from matcher.sinks.standalone import digest, packaged, template
from matcher.types import EXACT

__all__ = ["PictureOf", "ReportFacts", "render_report"]

PACKAGE = "matcher.sinks"
SCRIPTS = ("report_list.js", "report.js")


def render_report(sightings: Sequence[Sighting], facts: ReportFacts, picture_of: PictureOf | None = None) -> str:
    """The page as text.

    Its content security policy names its one style sheet and its one script by their hashes, so that nothing else is
    applied, run or fetched. What comes from the shop and the file is data to that script, which writes it as text only;
    only http(s) links become links.

    Args:
        sightings: in the order of their times.
        facts: about the video.
        picture_of: gives the shop's picture (H, W, 3) uint8 BGR of a product, or None.
    """
    groups = by_product(sightings)
    data = page_data(sightings, facts, picture_of)
    style, script = packaged(PACKAGE, "report.css"), "\n".join(packaged(PACKAGE, name) for name in SCRIPTS)
    labels = (p["disclosure"] for p in data["products"] if p["link"] and p["disclosure"])
    return template(PACKAGE, "report.html").render(
        facts=facts,
        data=Markup(for_script(data)),
        totals={
            "products": len(groups),
            "exact": sum(any(s.tier == EXACT for s in group) for group in groups),
            "appearances": len(sightings),
            "shots": len({s.shot for s in sightings}),
        },
        disclosures=list(dict.fromkeys(labels)),
        left_out=max(len(groups) - MAX_PRODUCTS, 0),
        length=duration(facts.length),
        style=Markup(style),  # ours, not the user's
        style_hash=digest(style),
        script=Markup(script),
        script_hash=digest(script),
    )


def duration(seconds: float) -> str:
    """Seconds in words: 4.2 s, 3 min 12 s, 1 h 02 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
