"""products.vtt: a WebVTT metadata track, for players that show products while they play."""

from __future__ import annotations

import json
from pathlib import Path

from matcher.exports.finished import Finished, sighting_record, since_start
from matcher.files import write_whole


def write_vtt(run: Finished, path: Path) -> None:
    """Write one cue for each appearance, its text the appearance as JSON; `<track kind="metadata">` reads it.

    Times are milliseconds since the video's first frame. No JSON holds the arrow that would end a cue's text.

    Raises:
        InputError: the file cannot be written.
    """
    cues = [f"WEBVTT {_one_line(run.facts.name)}\n"]
    for number, sighting in enumerate(run.sightings, 1):
        first, last = (since_start(time, run.facts) for time in (sighting.first, sighting.last))
        words = json.dumps(sighting_record(sighting, run.facts), ensure_ascii=False).replace("-->", "--\\u003e")
        cues.append(f"{number}\n{_time(first)} --> {_time(max(last, first + 0.001))}\n{words}\n")
    write_whole(path, "\n".join(cues))


def _time(seconds: float) -> str:
    total = round(seconds * 1000)
    return f"{total // 3_600_000:02}:{total // 60_000 % 60:02}:{total // 1000 % 60:02}.{total % 1000:03}"


def _one_line(text: str) -> str:
    return " ".join(text.replace("-->", "").split())
