"""The reports of a finished run made again, with the pictures of the video and the catalogue where they are given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from matcher.best_view import thumbnail_of
from matcher.exports.finished import Finished
from matcher.exports.replay import Recording
from matcher.sightings import Sighting
from matcher.sinks.html import PictureOf
from matcher.sinks.report import Report
from matcher.types import Product
from matcher.video.moments import pictures_at


def rebuild(
    folder: Path,
    video: Path | None = None,
    listing: Callable[[str], Product | None] | None = None,
    picture_of: PictureOf | None = None,
    target: Path | None = None,
) -> Finished:
    """Write sightings.csv and report.html of a run anew.

    Args:
        folder: that `asworn match` wrote.
        video: the film, for pictures of what was seen; without it the page has none.
        listing: gives a product by its id, for texts and links newer than those of the run.
        picture_of: gives the shop's picture of a product.
        target: where to write; the folder itself by default.

    Raises:
        InputError: the folder holds no finished run, its files are damaged, or the video cannot be read.
    """
    recording = Recording(folder)
    if listing is not None:
        recording.use(listing)
    illustrate = partial(illustrated, video) if video is not None else None
    how = {"picture_of": picture_of, "illustrate": illustrate}
    with Report(target or folder, recording.video, recording.product, **how) as report:
        for frame, garments in recording.frames():
            report.write(frame, garments)
    return Finished(report.sightings, report.facts, recording.lines)


def illustrated(video: Path, sightings: list[Sighting]) -> list[Sighting]:
    """Sightings with thumbnails cut out of the video at their best times.

    Raises:
        MediaError: the video cannot be read.
    """
    boxes: dict[object, list[int]] = {}
    for place, sighting in enumerate(sightings):
        boxes.setdefault(sighting.best_time, []).append(place)
    found = list(sightings)
    for time, image in pictures_at(video, boxes):
        for place in boxes[time]:
            jpeg = thumbnail_of(image, np.array(sightings[place].best_box, np.float32))
            found[place] = replace(sightings[place], thumbnail=jpeg)
    return found
