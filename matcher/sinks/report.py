"""The analyst's sink: sightings.csv and report.html."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from matcher.files import PartFile, write_whole
from matcher.sightings import Sighting, SightingLog
from matcher.sinks.base import Closing, Products
from matcher.sinks.facts import ReportFacts
from matcher.sinks.html import PictureOf, render_report
from matcher.sinks.pace import Pace
from matcher.sinks.table import write_sightings
from matcher.timecode import Timecode
from matcher.types import Frame, Garments
from matcher.video.source import VideoSource

Illustrate = Callable[[list[Sighting]], list[Sighting]]


class Report(Closing):
    """Collects what was on screen and writes it when the block ends.

    Example:
        with matcher.open_video("show.mp4") as video, matcher.Report("out", video) as report:
            for frame in video:
                report.write(frame, pipeline(frame))

    Attributes:
        sightings: one per product and appearance, after `close`.
        timecode: how times are written, after `close`.
        facts: about the video, after `close`.
        unit: seconds per unit of the frames' stamps.
    """

    def __init__(
        self,
        path: str | Path,
        video: VideoSource | None = None,
        products: Products | None = None,
        shot: Callable[[], int] = lambda: 1,
        retroactive: bool = True,
        picture_of: PictureOf | None = None,
        illustrate: Illustrate | None = None,
    ) -> None:
        """Say where to.

        Args:
            path: a folder, which gets sightings.csv and report.html, or one file that ends in .csv or .html.
            video: gives the name, the frame rate and the start timecode; without it they come from the frames.
            products: gives the listing of a catalogue row; by default the one attached to the garments.
            shot: asked for the number of the current shot, from 1, where the garments' column `shot` is missing.
            retroactive: whether a track's decision also holds for its earlier frames; false for live streams.
            picture_of: gives the shop's picture (H, W, 3) uint8 BGR of a product for the page, or None.
            illustrate: gives sightings their thumbnails at the end, where frames come without pictures.

        Raises:
            InputError: its folder cannot be made.
        """
        self._csv, self._html = _targets(Path(path))
        self._video, self._shot, self._picture_of, self._illustrate = video, shot, picture_of, illustrate
        self._log = SightingLog(products, retroactive, thumbnails=self._html is not None)
        self._pace = Pace()
        self._name, self._size = video.name if video is not None else "", (0, 0)
        self._closed = False
        self.sightings: list[Sighting] = []
        self.timecode = Timecode.of(Fraction(25))
        self.facts: ReportFacts | None = None
        self.unit = Fraction(1, 1000)
        self._shots: dict[int, Fraction] = {}

    def write(self, frame: Frame, garments: Garments) -> None:
        """Take the settled garments of the next frame."""
        if not self._pace.frames:
            self._name, self.unit = self._name or frame.source, frame.time_base
            self._size = self._video.size if self._video is not None else frame.size
        self._pace.see(frame)
        known = len(garments) and garments.has("shot")
        shot = garments.in_shot or (int(garments.shot[0]) if known else self._shot())
        self._shots.setdefault(shot, frame.timestamp)
        self._log.add(frame, garments, shot)

    def close(self, ok: bool = True) -> None:
        """Write the files, or nothing after a failure.

        Raises:
            InputError: a file cannot be written.
        """
        if self._closed:
            return
        self._closed = True
        if not ok:
            return
        pace = self._pace
        rate = self._video.rate if self._video is not None else pace.rate
        first = pace.first or Fraction(0)
        # Only a part of the video may have been looked at: timecodes count from its very first frame.
        origin = self._video.start if self._video is not None else first
        start = self._video.start_timecode if self._video is not None else None
        # A variable rate has no steady frame number; its mean over what was seen is the fairer guess.
        self.timecode = Timecode.of(pace.rate if pace.variable else rate, start, origin, pace.variable)
        end = pace.last + 1 / rate if pace.frames else first
        self.sightings = self._log.finish(None if pace.variable else end)
        if self._illustrate is not None:
            self.sightings = self._illustrate(self.sightings)
        shots = tuple(sorted(self._shots.items()))
        self.facts = ReportFacts(self._name or "video", self._size, pace.frames, first, end, self.timecode, shots)
        if self._csv is not None:
            write_sightings(self._csv, self.sightings, self.timecode)
        if self._html is not None:
            write_whole(self._html, render_report(self.sightings, self.facts, self._picture_of))


def _targets(path: Path) -> tuple[Path | None, Path | None]:
    """Where the table and the page go."""
    ending = path.suffix.lower()
    if ending in (".csv", ".html", ".htm") and not path.is_dir():
        PartFile(path)  # tells now, not after hours, that the folder cannot be made
        return (path, None) if ending == ".csv" else (None, path)
    PartFile(path / "report.html")
    return path / "sightings.csv", path / "report.html"
