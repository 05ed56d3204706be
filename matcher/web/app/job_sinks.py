"""What a job keeps of its video: a copy to play, the products on screen, and matches to judge."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.files import write_whole
from matcher.sightings import Sighting, SightingLog
from matcher.sinks.base import Closing
from matcher.sinks.pace import Pace
from matcher.timecode import Timecode
from matcher.types import NONE, TIERS, Frame, Garments
from matcher.video.soundtrack import Soundtrack
from matcher.video.source import VideoSource
from matcher.video.writer import VideoWriter
from matcher.web.app.reviews import Match, Reviews, surroundings

PLAYED, TIMELINE, THUMBNAILS = "play.mp4", "timeline.json", "thumbnails"
_MOST_SIDE = 1280  # of the copy
_MOST_MATCHES = 300  # kept for judging
_BETTER = 1.15


class PlayedCopy(Closing):
    """Encodes frames and sound anew: what was uploaded is never served itself.

    Attributes:
        size: (width, height) of the copy; (0, 0) before the first frame.
        sound: whether it has sound.
    """

    def __init__(self, path: Path, rate: Fraction, heard: Path | None = None) -> None:
        """Name the file, the rate of the source, and the file whose sound belongs to it."""
        self._path, self._rate, self._heard = path, rate, heard
        self._writer: VideoWriter | None = None
        self._track: Soundtrack | None = None
        self._first, self._times = 0, [Fraction(0), Fraction(0)]
        self.size, self.sound = (0, 0), False

    def write(self, frame: Frame, garments: Garments) -> None:
        """Add a frame; the copy begins at time zero."""
        if self._writer is None:
            self._begin(frame)
        self._writer.write(frame.image, frame.pts - self._first)
        self._times = [self._times[1], frame.timestamp]
        self._hear(frame.timestamp)

    def close(self, ok: bool = True) -> None:
        """Finish the file or remove it; the sound ends with the last picture."""
        if self._writer is None:
            return
        before, last = self._times
        try:
            if ok:
                self._hear(last + (last - before if last > before > self._zero else 1 / self._rate))
        finally:
            self._writer.close(ok)
            if self._track is not None:
                self._track.close()

    def _begin(self, frame: Frame) -> None:
        self._first, self._zero = frame.pts, frame.timestamp
        self._times = [frame.timestamp, frame.timestamp]
        scale = min(_MOST_SIDE / max(frame.size), 1.0)
        self.size = tuple(max(round(side * scale), 1) for side in frame.size)
        self._track = Soundtrack.open(self._heard, self._zero) if self._heard is not None else None
        self.sound = self._track is not None
        self._writer = VideoWriter(self._path, self.size, self._rate, frame.time_base, self._track)

    def _hear(self, time: Fraction) -> None:
        for samples in self._track.until(time) if self._track is not None else ():
            self._writer.hear(samples)


class TimelineSink(Closing):
    """Writes timeline.json and a thumbnail of each sighting."""

    def __init__(self, folder: Path, video: VideoSource) -> None:
        """Say where to."""
        self._folder, self._video = folder, video
        self._log, self._pace = SightingLog(), Pace()

    def write(self, frame: Frame, garments: Garments) -> None:
        """Take the settled garments of the next frame."""
        self._pace.see(frame)
        known = len(garments) and garments.has("shot")
        self._log.add(frame, garments, int(garments.shot[0]) if known else 1)

    def close(self, ok: bool = True) -> None:
        """Write both; nothing after a failure."""
        if not ok:
            return
        pace, rate = self._pace, self._video.rate
        first = pace.first or Fraction(0)
        end = pace.last + 1 / rate if pace.frames else first
        timecode = Timecode.of(rate, self._video.start_timecode, self._video.start, pace.variable)
        found = self._log.finish(None if pace.variable else end)
        rows = [self._row(number, one, first, timecode) for number, one in enumerate(found)]
        facts = {"start": float(first), "length": float(end - first), "sightings": rows}
        write_whole(self._folder / TIMELINE, json.dumps(facts, allow_nan=False))

    def _row(self, number: int, one: Sighting, first: Fraction, timecode: Timecode) -> dict[str, Any]:
        if one.thumbnail:
            write_whole(self._folder / THUMBNAILS / f"{number}.jpg", one.thumbnail)
        times = {"first": one.first - first, "last": one.last - first, "screen_time": one.screen_time}
        return {
            "product": one.product.id,
            "tier": TIERS[one.tier],
            **{name: round(float(value), 4) for name, value in times.items()},
            "score": round(one.mean_score, 4),
            "timecode": timecode.format(one.first),
            "type": one.type,
            "thumbnail": number if one.thumbnail else None,
        }


@dataclass
class _Best:
    """The best view of a track, and what is said of it."""

    quality: float
    time: float
    type: str
    crop: NDArray[np.uint8]
    box: NDArray[np.float32]
    product: str = ""
    score: float = 0.0
    tier: int = NONE


class ReviewSink(Closing):
    """Keeps the best view of each track for judging, with the last decision about it."""

    def __init__(self, reviews: Reviews, source: str) -> None:
        """Add them to `reviews` as of this source."""
        self._reviews, self._source = reviews, source
        self._tracks: dict[int, _Best] = {}

    def write(self, frame: Frame, garments: Garments) -> None:
        """Look at the garments of a frame; those that are held or of carried frames are not seen anew."""
        for one in garments.seen if not garments.carried else ():
            self._look(frame, int(one.track_id[0]), one)

    def _look(self, frame: Frame, track: int, one: Garments) -> None:
        quality = float(one.quality[0])
        best = self._tracks.get(track)
        if track < 0 or (best is None and len(self._tracks) >= _MOST_MATCHES):
            return
        if best is None or quality > best.quality * _BETTER:
            crop, box = surroundings(frame.image, one.xyxy[0])
            decided = (best.product, best.score, best.tier) if best else ("", 0.0, NONE)
            best = self._tracks[track] = _Best(quality, frame.time, one.type_name, crop.copy(), box, *decided)
        product = one.product
        if product is not None:
            best.product, best.score, best.tier = product.id, float(one.best_score[0]), int(one.tier[0])

    def close(self, ok: bool = True) -> None:
        """Add what was shown, and what was nearly; nothing after a failure."""
        for best in self._tracks.values() if ok else ():
            where = f"{self._source} at {best.time:.1f} s"
            match = Match(where, best.type, best.product, best.score, TIERS[best.tier])
            self._reviews.add(match, best.crop, best.box)


def thumbnail(folder: Path, number: int) -> bytes | None:
    """The thumbnail of a sighting; None where there is none."""
    path = folder / THUMBNAILS / f"{number}.jpg"
    return path.read_bytes() if path.is_file() else None
