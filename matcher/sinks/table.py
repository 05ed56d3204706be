"""sightings.csv: one row per product and appearance."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from matcher.attributes.describe import keywords
from matcher.files import write_whole
from matcher.sightings import Sighting
from matcher.sinks.safe import safe_cell, safe_link
from matcher.timecode import Timecode
from matcher.types import TIERS

COLUMNS = (
    "product_id",
    "title",
    "link",
    "type",
    "tier",
    "first_timecode",
    "last_timecode",
    "first_s",
    "last_s",
    "screen_time_s",
    "mean_score",
    "best_frame",
    "shot",
    "track",
    "disclosure",
    "colours",
    "pattern",
    "keywords",
    "outfit",
    "attributes",
)


def write_sightings(path: str | Path, sightings: Iterable[Sighting], timecode: Timecode) -> None:
    """Write the table (UTF-8, commas, a header line).

    `last_*` is when the last frame goes, so last - first is the length; seconds are the file's own times, as in
    frames.jsonl; timecodes count from the video's start timecode. Several tracks are separated by spaces. Texts that
    a spreadsheet would take for formulas get an apostrophe in front; links other than http(s) are left out.
    `disclosure` is the label that must stand where the link is shown. `colours`, `pattern` and `keywords` say what the
    garment looks like; `outfit` numbers what was worn together; `attributes` are what the detector says of it, where
    the bundle has such.

    Raises:
        InputError: the file cannot be written.
    """
    # No byte order mark: it would become part of the first column's name in many readers.
    text = io.StringIO(newline="")
    out = csv.writer(text, lineterminator="\n")
    out.writerow(COLUMNS)
    for sighting in sightings:
        out.writerow(_row(sighting, timecode))
    write_whole(path, text.getvalue())


def _row(sighting: Sighting, timecode: Timecode) -> list[str | int]:
    product = sighting.product
    return [
        safe_cell(product.id),
        safe_cell(product.title),
        safe_link(product.link),
        sighting.type,
        TIERS[sighting.tier],
        timecode.format(sighting.first),
        timecode.format(sighting.last),
        f"{float(sighting.first):.3f}",
        f"{float(sighting.last):.3f}",
        f"{float(sighting.screen_time):.3f}",
        f"{sighting.mean_score:.4f}",
        sighting.best_frame,
        sighting.shot,
        " ".join(map(str, sighting.tracks)),
        safe_cell(product.disclosure),
        ", ".join(sighting.attributes.colours),
        sighting.attributes.pattern,
        ", ".join(keywords(sighting.type, sighting.attributes)),
        " ".join(map(str, sighting.outfits)),
        safe_cell(", ".join(sighting.attributes.details)),
    ]
