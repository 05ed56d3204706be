"""chapters.txt: FFmpeg's metadata format; a chapter for each shot in which products are worn, named after them."""

from __future__ import annotations

import re
from pathlib import Path

from matcher.exports.finished import Finished, since_start
from matcher.files import write_whole

_SPECIAL = re.compile(r"([=;#\\\n])")
MOST_NAMES = 4


def write_chapters(run: Finished, path: Path) -> None:
    """Write the chapters; `ffmpeg -i FILM -i chapters.txt -map_metadata 0 -map_chapters 1 -codec copy OUT` adds them.

    Raises:
        InputError: the file cannot be written.
    """
    parts = [f";FFMETADATA1\ntitle={_escaped(run.facts.name)}\n"]
    for shot in sorted({sighting.shot for sighting in run.sightings}):
        first, last = (round(since_start(time, run.facts) * 1000) for time in run.facts.span_of(shot))
        title = _escaped(_title(run, shot))
        parts.append(f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={first}\nEND={max(last, first + 1)}\ntitle={title}\n")
    write_whole(path, "\n".join(parts))


def _title(run: Finished, shot: int) -> str:
    names = list(dict.fromkeys(s.product.name for s in run.sightings if s.shot == shot))
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return f"Shot {shot}: {', '.join(names[:MOST_NAMES])}{more}"


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
