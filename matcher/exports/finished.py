"""What every export is made from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matcher.attributes.describe import keywords
from matcher.errors import InputError
from matcher.sightings import Sighting
from matcher.sinks.facts import ReportFacts
from matcher.sinks.safe import safe_link
from matcher.types import TIERS


@dataclass(frozen=True)
class Finished:
    """A finished run.

    Attributes:
        sightings: in the order of their times.
        facts: about the video.
        frames: path of its frames.jsonl.
    """

    sightings: Sequence[Sighting]
    facts: ReportFacts
    frames: Path

    def lines(self) -> Iterator[dict[str, Any]]:
        """The records of frames.jsonl, one by one.

        Raises:
            InputError: the file is missing or damaged.
        """
        return read_lines(self.frames)


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The records of a frames.jsonl.

    Raises:
        InputError: it is missing or damaged.
    """
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                try:
                    record = json.loads(line)
                    if not isinstance(record["garments"], list):
                        raise TypeError
                except (ValueError, KeyError, TypeError):
                    raise InputError(f"{path}: line {number} is damaged; match the video again") from None
                yield record
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error


def sighting_record(sighting: Sighting, facts: ReportFacts) -> dict[str, Any]:
    """A sighting as plain values with fixed names and kinds, for JSON and tables; links are http(s) or empty."""
    product, code, look = sighting.product, facts.timecode, sighting.attributes
    return {
        "product_id": product.id,
        "title": product.title,
        "brand": product.brand,
        "link": safe_link(product.link),
        "price": product.price,
        "currency": product.currency,
        "disclosure": product.disclosure,
        "type": sighting.type,
        "tier": TIERS[sighting.tier],
        "first_timecode": code.format(sighting.first),
        "last_timecode": code.format(sighting.last),
        "first_s": round(float(sighting.first), 6),
        "last_s": round(float(sighting.last), 6),
        "screen_time_s": round(float(sighting.screen_time), 6),
        "mean_score": round(sighting.mean_score, 4),
        "best_frame": sighting.best_frame,
        "shot": sighting.shot,
        "tracks": list(sighting.tracks),
        "outfits": list(sighting.outfits),
        "colours": list(look.colours),
        "pattern": look.pattern,
        "attributes": list(look.details),
        "keywords": keywords(sighting.type, look),
    }


def since_start(time: Any, facts: ReportFacts) -> float:
    """Seconds of a time since the video's first frame, as players count."""
    return max(float(time - facts.timecode.origin), 0.0)
